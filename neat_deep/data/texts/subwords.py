"""Vectors for words that have none, from the pieces that they share with words that have one."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import torch
from torch import Tensor

BUCKETS = 2**16
SHORTEST, LONGEST = 3, 6  # signs of a piece, as in fastText
RIDGE = 0.003  # so strong that a piece of a single word learns half of what it could
STEPS = 30  # of conjugate gradients; the rest is far below what the vectors are worth


def vectors_of_unknown(words: Sequence[str], vectors: Tensor, unknown: Sequence[str]) -> Tensor:
    """Vectors (unknown, D) for words without one, guessed from those (words, D) of others; always the same.

    A word's vector is the mean of its pieces', runs of 3 to 6 signs of `<word>`, which are hashed (Bojanowski et al.,
    arXiv 1607.04606). The pieces' vectors are those that come nearest to the known words', by ridge regression (bags of
    subwords: Zhao et al., EMNLP 2018). A word without a known piece has the mean of all vectors.
    """
    mean = vectors.mean(0)
    pieces = _pieces_of(words)
    targets = vectors - mean
    # Conjugate gradients for (A'A + ridge) z = A'v, all columns of v at once.
    solution = torch.zeros(BUCKETS, vectors.shape[1])
    residual = torch.sparse.mm(pieces.t(), targets)
    direction = residual.clone()
    squared = residual.square().sum(0)
    for _ in range(STEPS):
        product = torch.sparse.mm(pieces.t(), torch.sparse.mm(pieces, direction)) + RIDGE * direction
        step = squared / (direction * product).sum(0).clamp_min(1e-30)
        solution += step * direction
        residual -= step * product
        previous, squared = squared, residual.square().sum(0)
        direction = residual + squared / previous.clamp_min(1e-30) * direction
    return mean + torch.sparse.mm(_pieces_of(unknown), solution)


def _pieces_of(words: Sequence[str]) -> Tensor:
    """A sparse matrix (words, BUCKETS) that takes the mean of each word's pieces."""
    rows, columns, shares = [], [], []
    for row, word in enumerate(words):
        marked = f"<{word}>"
        buckets = [
            zlib.crc32(marked[start : start + length].encode()) % BUCKETS
            for length in range(SHORTEST, LONGEST + 1)
            for start in range(len(marked) - length + 1)
        ]
        rows += [row] * len(buckets)
        columns += buckets
        shares += [1 / len(buckets) for _ in buckets]  # an empty word has none
    places = torch.tensor([rows, columns], dtype=torch.long).view(2, -1)
    return torch.sparse_coo_tensor(
        places, torch.tensor(shares), (len(words), BUCKETS), check_invariants=True
    ).coalesce()
