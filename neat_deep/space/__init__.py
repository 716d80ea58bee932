"""What can be searched: cells as graphs, and the architectures that they are stacked in. Nothing here imports torch."""
