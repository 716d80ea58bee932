"""Data sets of images: files, batches, and the sets that ship with torchvision and scikit-learn."""
