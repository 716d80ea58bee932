"""N-grams of the characters within words, beside the cells: words of one stem share what they say."""

from __future__ import annotations

import torch
from torch import Tensor

from neat_deep.data.texts.spelling import SPELLED
from neat_deep.networks.hashed_bag import HashedBag, hash_runs, sum_each
from neat_deep.space.architecture import SHORTEST_CHAR_NGRAM

START = 0.15  # of the ratios: a word has many n-grams, which say about the same
SPEED = 10.0


class CharNGrams(HashedBag):
    """The n-grams of 3 to `longest` characters within the words of a text, as often as they stand there.

    A word counts with a mark at each of its ends, as in `<word>` (Bojanowski et al., arXiv 1607.04606). The network
    knows the words of its vocabulary only, once `learn_words` has told their spelling: a word that is unknown has no
    n-grams. Each n-gram is hashed to one of `buckets` rows of weights.
    """

    of_word: Tensor

    def __init__(self, longest: int, buckets: int, classes: int, vocabulary: int) -> None:
        super().__init__(buckets, classes, start=START, speed=SPEED)
        self.longest = longest
        runs = SPELLED * (longest - SHORTEST_CHAR_NGRAM + 1)
        # The rows of each word's n-grams; -1 where it has none. Of one size whatever the words are, so that a network
        # that is built anew can read it from a file.
        self.register_buffer("of_word", torch.full((vocabulary, runs), -1, dtype=torch.int32))

    def runs(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The rows of the n-grams of each text's words, word by word, and which of them a word has."""
        rows = self.of_word.to(tokens.device)[tokens].long()  # (B, L, runs)
        counted = (rows >= 0) & mask.unsqueeze(2)
        return rows.clamp_min(0).flatten(1), counted.flatten(1)

    def sums(self, tokens: Tensor, mask: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The sum (B, classes) of each text's rows of `weights`, and how many they are (B,).

        Each word's own sum is taken once, however often it stands in the batch: a third of the time with long texts.
        """
        words, places = tokens[mask].unique(return_inverse=True)
        rows = self.of_word[words].long()  # (words, runs)
        counts = (rows >= 0).sum(1)
        of_words = sum_each(rows[rows >= 0], counts, weights)
        of_texts = sum_each(places, mask.sum(1), of_words)
        return of_texts, sum_each(places, mask.sum(1), counts.unsqueeze(1).to(weights.dtype)).squeeze(1)

    @torch.no_grad()
    def learn_words(self, spelling: Tensor) -> None:
        """Learn which n-grams each token has from the `spelling` (vocabulary, `SPELLED`) of all of them."""
        spelling = spelling.to(self.of_word.device).long()
        rows, whole = hash_runs(spelling, spelling > 0, SHORTEST_CHAR_NGRAM, self.longest, len(self.weight))
        self.of_word.copy_(rows.masked_fill(~whole, -1))
