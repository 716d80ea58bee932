"""N-grams of tokens beside the cells: hashed, with a weight for each class, added to what the cells say."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neat_deep.data import TextSplit
from neat_deep.ops.masking import is_exporting

PRIME = 2**31 - 1
FACTOR = 1_000_003  # a product of two numbers below these fits into 63 bits, so a hash is the same on every device
SMOOTHING = 2.0  # shared out among the classes: 1 for each of two of equal size, as in the paper
START = 0.5  # of the ratios; with 1 the n-grams leave the cells too little to learn
SPEED = 20.0  # how much a step of the weights moves the logits
EPSILON = 3e-3  # of Adam, for the weights alone: see `NGrams`
BATCH_SIZE = 256


class NGrams(nn.Module):
    """Token numbers (B, L) to logits (B, classes): a linear model of the n-grams of 1 to `longest` tokens.

    Each n-gram is hashed to one of `buckets` rows of weights (Joulin et al., arXiv 1607.01759). Those of a text's
    different rows are summed and divided by the root of how many they are: as tf-idf does, which gives all texts one
    length. The weights start at zero, or where `start_from_ratios` puts them.

    Adam moves a weight that few texts read as far as one that all read: it learns texts by heart. With an epsilon of
    `EPSILON`, above the gradients of rare n-grams, it moves these in proportion to their gradients.
    """

    scale: Tensor

    def __init__(self, longest: int, buckets: int, classes: int) -> None:
        super().__init__()
        self.longest = longest
        self.weight = nn.Parameter(torch.zeros(buckets, classes))
        self.register_buffer("scale", torch.full((buckets, classes), SPEED))

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        rows, counted = self._rows(tokens, mask)  # (B, N), (B, N)
        weights = self.weight * self.scale
        counts = counted.sum(1, keepdim=True)
        if is_exporting():
            vectors = F.embedding(rows.clamp_max(len(weights) - 1), weights)  # (B, N, classes)
            summed = vectors.masked_fill(~counted.unsqueeze(2), 0.0).sum(1)
        else:
            # Only the counted rows, text by text: padding changes neither a sum's order nor its rounding.
            starts = (counts.cumsum(0) - counts).squeeze(1)
            summed = F.embedding_bag(rows[counted], weights, starts, mode="sum")
        return summed / counts.clamp_min(1).sqrt()

    @torch.no_grad()
    def start_from_ratios(self, train: TextSplit) -> None:
        """Start from the naive Bayes log-count ratios of `train`, each class against the others.

        As in Wang and Manning, ACL 2012, eq. 1, where the ratios are also the scale in which weights learn: an n-gram
        that tells nothing learns nothing. Here each count leaves out one text, on average the one that is being
        classified: counts are multiplied by (n - 1) / n, n the texts that have the n-gram. With the whole counts the
        n-grams know every training text by heart, and the cells learn next to nothing.
        """
        buckets, classes = self.weight.shape
        if classes == 1:
            return  # there are no others to count against
        counts = torch.zeros(classes * buckets, dtype=torch.float64)
        for batch in train.eval_batches(BATCH_SIZE):
            rows, counted = self._rows(batch.inputs, batch.mask)
            places = (rows + batch.labels[:, None] * buckets)[counted].cpu()
            counts += places.bincount(minlength=len(counts))
        texts = counts.view(classes, buckets)  # that have the n-gram
        texts = texts * (1 - 1 / texts.sum(0).clamp_min(1))
        shares = ((texts.sum(1) + 1) / (texts.sum() + classes))[:, None]
        in_class = (texts + SMOOTHING * shares) / shares
        in_others = (texts.sum(0) - texts + SMOOTHING * (1 - shares)) / (1 - shares)
        self.scale.copy_(SPEED * (in_class / in_others).log().T)
        self.weight.fill_(START / SPEED)

    def _rows(self, tokens: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """The rows (B, N) of each text's n-grams in rising order, and which count: the first of each row."""
        buckets, length = len(self.weight), tokens.shape[1]
        if mask is None:
            mask = torch.ones_like(tokens, dtype=torch.bool)
        # A text may be shorter than an n-gram. With this padding no shape depends on that: an export takes any length.
        beyond = (0, self.longest - 1)
        tokens, mask = F.pad(tokens, beyond), F.pad(mask, beyond)  # (B, L + longest - 1)
        hashes = []
        hashed = torch.zeros_like(tokens[:, :length])
        for size in range(1, self.longest + 1):
            last = slice(size - 1, size - 1 + length)  # the last tokens of the n-grams that begin at each place
            hashed = (hashed * FACTOR + tokens[:, last] + size) % PRIME
            hashes.append((hashed % buckets).masked_fill(~mask[:, last], buckets))
        rows = torch.cat(hashes, dim=1).sort(dim=1).values
        first = torch.ones_like(rows[:, :1], dtype=torch.bool)
        return rows, torch.cat([first, rows[:, 1:] != rows[:, :-1]], dim=1) & (rows < buckets)
