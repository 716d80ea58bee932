"""Ways to propose architectures, one file each, and their registry."""
