"""The files in the folder of a search by gradient descent that tell whose it is."""

BEGUN = "settings.ini"  # every setting in force: written when the search begins
CHECKPOINT = "search.pt"  # what a search goes on from
