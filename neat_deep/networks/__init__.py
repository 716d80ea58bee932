"""From an architecture to a torch module, and what that module costs."""
