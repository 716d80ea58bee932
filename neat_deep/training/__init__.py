"""Training, scoring and using one network."""
