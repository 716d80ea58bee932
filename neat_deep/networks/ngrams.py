"""N-grams of tokens beside the cells."""

from __future__ import annotations

from torch import Tensor

from neat_deep.networks.hashed_bag import HashedBag, first_of_each, hash_runs

START = 0.5  # of the ratios; with 1 the n-grams leave the cells too little to learn
SPEED = 20.0


class NGrams(HashedBag):
    """The n-grams of 1 to `longest` tokens of a text, each different one once.

    Each is hashed to one of `buckets` rows of weights (Joulin et al., arXiv 1607.01759).
    """

    def __init__(self, longest: int, buckets: int, classes: int) -> None:
        super().__init__(buckets, classes, start=START, speed=SPEED)
        self.longest = longest

    def rows(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The rows of each text's n-grams in rising order, and which count: the first of each row."""
        buckets = len(self.weight)
        return first_of_each(*hash_runs(tokens, mask, 1, self.longest, buckets), buckets)
