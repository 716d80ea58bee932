"""The files in the folder of a search by gradient descent that tell whose it is."""

BEGUN = "settings.ini"  # every setting in force: written when the search begins
CHECKPOINT = "search.pt"  # what a search resumes from
SEARCHES = "searches"  # the folder of the searches of a run that makes several
SCORE = "score.json"  # in the folder of one of those: what its cell reached
