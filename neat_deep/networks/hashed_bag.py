"""A linear model of what a text holds: hashed to rows of weights for each class, added to what the cells say."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neat_deep.data import TextSplit
from neat_deep.ops.masking import is_exporting

PRIME = 2**31 - 1
FACTOR = 1_000_003  # a product of two numbers below these fits into 63 bits, so a hash is the same on every device
SMOOTHING = 2.0  # shared out among the classes: 1 for each of two of equal size, as in the paper
EPSILON = 3e-3  # of Adam, for the weights alone: see `HashedBag`
BATCH_SIZE = 256


class HashedBag(nn.Module, ABC):
    """Token numbers (B, L) to logits (B, classes): what a text holds has rows of weights, which are added up.

    A subclass says which rows, and with `counts_once` that each different one of a text counts once. The sum is divided
    by the root of how many they are: as tf-idf does, which gives all texts one length. The weights start at zero, or
    where `start_from_ratios` puts them: at `start` times the ratios. A step of the optimizer moves the logits by
    `speed` times what it moves the weights.

    Adam moves a weight that few texts read as far as one that all read: it learns texts by heart. With an epsilon of
    `EPSILON`, above the gradients of rare rows, it moves these in proportion to their gradients.
    """

    scale: Tensor
    counts_once = False

    def __init__(self, buckets: int, classes: int, *, start: float, speed: float) -> None:
        super().__init__()
        self._start, self._speed = start, speed
        self.weight = nn.Parameter(torch.zeros(buckets, classes))
        self.register_buffer("scale", torch.full((buckets, classes), speed))

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        mask = torch.ones_like(tokens, dtype=torch.bool) if mask is None else mask
        weights = self.weight * self.scale
        if is_exporting():
            rows, counted = self.rows(tokens, mask)
            vectors = F.embedding(rows.clamp_max(len(weights) - 1), weights)  # (B, N, classes)
            summed, counts = vectors.masked_fill(~counted.unsqueeze(2), 0.0).sum(1), counted.sum(1)
        else:
            summed, counts = self.sums(tokens, mask, weights)
        return summed / counts.clamp_min(1).sqrt().unsqueeze(1)

    def sums(self, tokens: Tensor, mask: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The sum (B, classes) of each text's rows of `weights`, and how many they are (B,)."""
        rows, counted = self.rows(tokens, mask)
        counts = counted.sum(1)
        return sum_each(rows[counted], counts, weights), counts

    def rows(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The rows (B, N) of what each text holds, and which of them count (B, N)."""
        return self._different(tokens, mask) if self.counts_once else self.runs(tokens, mask)

    @abstractmethod
    def runs(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Rows (B, N), and which of them a text holds (B, N); the others may be any numbers."""

    def _different(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The rows (B, N) of each text in rising order, and which count (B, N): the first of each that it holds."""
        buckets = len(self.weight)
        rows, held = self.runs(tokens, mask)
        rows = rows.masked_fill(~held, buckets).sort(dim=1).values
        first = torch.ones_like(rows[:, :1], dtype=torch.bool)
        return rows, torch.cat([first, rows[:, 1:] != rows[:, :-1]], dim=1) & (rows < buckets)

    @torch.no_grad()
    def start_from_ratios(self, train: TextSplit) -> None:
        """Start from the naive Bayes log-count ratios of `train`, each class against the others.

        As in Wang and Manning, ACL 2012, eq. 1, where the ratios are also the scale in which weights learn: a row that
        tells nothing learns nothing. Here each count leaves out one text, on average the one that is being
        classified: counts are multiplied by (n - 1) / n, n the texts that have the row. With the whole counts the
        rows know every training text by heart, and the cells learn next to nothing.
        """
        buckets, classes = self.weight.shape
        if classes == 1:
            return  # there are no others to count against
        counts = torch.zeros(classes * buckets, dtype=torch.float64)
        for batch in train.eval_batches(BATCH_SIZE):
            assert batch.mask is not None
            rows, counted = self._different(batch.inputs, batch.mask)
            places = (rows + batch.labels[:, None] * buckets)[counted].cpu()
            counts += places.bincount(minlength=len(counts))
        texts = counts.view(classes, buckets)  # that have the row
        texts = texts * (1 - 1 / texts.sum(0).clamp_min(1))
        shares = ((texts.sum(1) + 1) / (texts.sum() + classes))[:, None]
        in_class = (texts + SMOOTHING * shares) / shares
        in_others = (texts.sum(0) - texts + SMOOTHING * (1 - shares)) / (1 - shares)
        self.scale.copy_(self._speed * (in_class / in_others).log().T)
        self.weight.fill_(self._start / self._speed)


def sum_each(rows: Tensor, counts: Tensor, weights: Tensor) -> Tensor:
    """The sums (G, classes) of the first `counts[0]` of these rows of `weights`, of the next `counts[1]`, and so on.

    Only what counts, group by group: padding changes neither a sum's order nor its rounding.
    """
    return F.embedding_bag(rows, weights, counts.cumsum(0) - counts, mode="sum")


def hash_runs(numbers: Tensor, mask: Tensor, shortest: int, longest: int, buckets: int) -> tuple[Tensor, Tensor]:
    """A row (B, N) for each run of `shortest` to `longest` of the numbers (B, L), and which runs are whole (B, N).

    Runs of equal numbers have one row, of 0 to `buckets` - 1. `mask` (B, L) is true where there is a number.
    """
    length = numbers.shape[1]
    # There may be fewer numbers than a run has. With this padding no shape depends on that: an export takes any length.
    beyond = (0, longest - 1)
    numbers, mask = F.pad(numbers, beyond), F.pad(mask, beyond)  # (B, L + longest - 1)
    rows, whole = [], []
    hashed = torch.zeros_like(numbers[:, :length])
    for size in range(1, longest + 1):
        last = slice(size - 1, size - 1 + length)  # the last numbers of the runs that begin at each place
        hashed = (hashed * FACTOR + numbers[:, last] + size) % PRIME
        if size >= shortest:
            rows.append(hashed % buckets)
            whole.append(mask[:, last])
    return torch.cat(rows, dim=1), torch.cat(whole, dim=1)
