"""From an INI file to settings, and back."""
