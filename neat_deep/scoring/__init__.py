"""What an architecture is worth on a search's budget: jobs, rungs, inherited weights, and where evaluations run."""
