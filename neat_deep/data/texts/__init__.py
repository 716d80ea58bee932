"""Data sets of texts: tokens, word vectors, batches, and the sets that are known by name."""
