"""The plugin to neat-python: genes, genomes, and the fitness of a population."""
