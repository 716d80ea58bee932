"""The parts of a network that are no cells: stems, reductions, the head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neat_deep.data.spec import DataSpec
from neat_deep.ops import FeatureSpec
from neat_deep.ops.masking import hide_padding, is_exporting
from neat_deep.ops.norm import make_norm


class Reduction(nn.Module):
    """A convolution of kernel 3 and stride 2 with a normalisation: halves the extent (rounding up)."""

    def __init__(self, spec: FeatureSpec, channels_in: int) -> None:
        super().__init__()
        conv = nn.Conv2d if spec.rank == 2 else nn.Conv1d
        self.conv = conv(channels_in, spec.channels, 3, stride=2, padding=1, bias=False)
        self.norm = make_norm(spec)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Halve `x`; `mask` is that of the input, (B, L)."""
        return self.norm(self.conv(hide_padding(x, mask)), halve_mask(mask))


class StatesReduction(nn.Module):
    """One reduction for each state that later parts read; `places` are their places among the states, 0 the oldest."""

    def __init__(self, spec: FeatureSpec, channels_in: int, places: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleDict({str(place): Reduction(spec, channels_in) for place in places})

    def forward(self, states: Sequence[Tensor], mask: Tensor | None = None) -> list[Tensor]:
        return [
            self.branches[str(place)](state, mask) if str(place) in self.branches else nobody_reads(state)
            for place, state in enumerate(states)
        ]


def nobody_reads(state: Tensor) -> Tensor:
    """What stands in the place of a state that no later part reads: empty, so that reading it would be an error."""
    return state.new_empty(0)


def halve_mask(mask: Tensor | None) -> Tensor | None:
    """The mask (B, L/2, rounded up) that belongs to a sequence after a reduction.

    Right for padding on the right: position i is centred on position 2i, so the last real token is always covered. With
    padding on the left a first token at an odd position would be lost.
    """
    if mask is None or not is_exporting():
        return None if mask is None else mask[:, ::2]
    # By a convolution, as the reduction: torch.export would not see that a length by another formula is the same.
    numbers = mask.unsqueeze(1).float()
    return F.conv1d(numbers, numbers.new_ones(1, 1, 1), stride=2).squeeze(1) > 0.5


class ImageStem(nn.Module):
    """(B, colours, H, W) to (B, C, H, W): a 3x3 convolution and a normalisation."""

    def __init__(self, spec: FeatureSpec, data: DataSpec) -> None:
        super().__init__()
        self.conv = nn.Conv2d(data.shape[0], spec.channels, 3, padding=1, bias=False)
        self.norm = make_norm(spec)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.norm(self.conv(x))


class SequenceStem(nn.Module):
    """Token numbers (B, L) to (B, C, L): a learned embedding, learned positions if asked, dropout.

    With word vectors of another width than C the embedding is as wide as they are and a linear layer follows.
    Positions that no training text reaches share the last one that some text does.
    """

    def __init__(self, spec: FeatureSpec, data: DataSpec, *, positions: bool, dropout: float) -> None:
        super().__init__()
        self.has_vectors = data.vector_size > 0
        width = data.vector_size or spec.channels
        self.embedding = nn.Embedding(data.vocabulary, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)  # torch's 1.0 drowns what training adds
        self.project = nn.Linear(width, spec.channels, bias=False) if width != spec.channels else None
        self.positions = nn.Embedding(data.shape[0], spec.channels) if positions else None
        if self.positions is not None:
            nn.init.zeros_(self.positions.weight)  # the tokens alone speak at first
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None or is_exporting():
            places = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
            return hide_padding(self._embed(tokens, places).transpose(1, 2), mask)  # (B, C, L)
        # Real tokens alone, as rows: padding costs nothing, and dropout draws the same whatever the padding.
        where = mask.nonzero()  # (tokens, 2)
        rows = self._embed(tokens[mask], where[:, 1])  # (tokens, C)
        out = rows.new_zeros(*tokens.shape, rows.shape[1])
        return out.index_put((where[:, 0], where[:, 1]), rows).transpose(1, 2)

    def _embed(self, tokens: Tensor, places: Tensor) -> Tensor:
        rows = self.embedding(tokens)
        if self.project is not None:
            rows = self.project(rows)
        if self.positions is not None:
            rows = rows + self.positions(places.clamp_max(self.positions.num_embeddings - 1))
        return self.dropout(rows)


def word_vectors(model: nn.Module) -> list[Tensor]:
    """The weights of a model that start from word vectors; none for images, nor where the data have no vectors."""
    stems = [module for module in model.modules() if isinstance(module, SequenceStem)]
    return [stem.embedding.weight for stem in stems if stem.has_vectors]


class Head(nn.Module):
    """Masked global pooling over all positions, dropout and a linear layer: (B, C, ...) to (B, classes).

    A sequence without a single real token pools to zeros.
    """

    def __init__(self, channels: int, classes: int, pool: str, dropout: float) -> None:
        super().__init__()
        self.with_max = pool == "mean_max"
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels * (2 if self.with_max else 1), classes)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        pooled = _mean_positions(x, mask)  # (B, C)
        if self.with_max:
            largest = hide_padding(x, mask, -torch.inf).amax(tuple(range(2, x.ndim)))
            if mask is not None:
                largest = largest.masked_fill(~mask.any(1, keepdim=True), 0.0)
            pooled = torch.cat([pooled, largest], dim=1)  # (B, 2C)
        return self.linear(self.dropout(pooled))


def _mean_positions(x: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        # Over rows of channels, as an image lies in memory in channels_last: its gradient then has that layout too.
        # That of `x.flatten(2).mean(2)` did not, which cost a training step of a small network 5% of its time.
        return x.movedim(1, -1).flatten(1, -2).mean(1)
    return hide_padding(x, mask).sum(2) / mask.sum(1, keepdim=True).clamp_min(1)
