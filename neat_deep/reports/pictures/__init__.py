"""Pictures of cells, genomes, networks and the history of a search."""
