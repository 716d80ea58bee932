"""What knows nothing of networks: errors, checks of settings, JSON documents, files, locks, seeds."""
