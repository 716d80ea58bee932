"""N-grams of tokens beside the cells."""

from __future__ import annotations

from torch import Tensor

from neat_deep.networks.hashed_bag import HashedBag, hash_runs

START = 0.5  # of the ratios; with 1 the n-grams leave the cells too little to learn
SPEED = 20.0


class NGrams(HashedBag):
    """The n-grams of 1 to `longest` tokens of a text, each different one once.

    Each is hashed to one of `buckets` rows of weights (Joulin et al., arXiv 1607.01759).
    """

    counts_once = True

    def __init__(self, longest: int, buckets: int, classes: int) -> None:
        super().__init__(buckets, classes, start=START, speed=SPEED)
        self.longest = longest

    def runs(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The row of the n-gram of each length that begins at each token, and which n-grams are whole."""
        return hash_runs(tokens, mask, 1, self.longest, len(self.weight))
