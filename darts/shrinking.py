"""Progressive shrinking: the weakest candidates of each edge are ruled out during the search."""

from __future__ import annotations

import torch
from torch import Tensor

from darts.alphas import Alphas
from darts.settings import DartsSettings
from neat_deep.space.cell_graph import IDENTITY, NONE


def candidates_left(settings: DartsSettings, index: int) -> int | None:
    """How many candidates each edge has in epoch `index` (from 0); None for all.

    The epochs that train alphas are cut into equal stages, one more than `shrink` has numbers.
    """
    stages = len(settings.shrink) + 1
    epochs = settings.epochs - settings.weight_epochs
    stage = (index - settings.weight_epochs) * stages // epochs if index >= settings.weight_epochs else 0
    return settings.shrink[min(stage, len(settings.shrink)) - 1] if stage else None


def shrink(alphas: Alphas, count: int) -> None:
    """Leave the `count` strongest candidates of each edge (P-DARTS, arXiv 1904.12760, section 3.2).

    One of them is no `identity` and not `none`, or a derived cell could be without ops.
    """
    alphas.restrict(_strongest(alphas.candidate_weights().detach(), _real(alphas), count))


def _real(alphas: Alphas) -> Tensor:
    return torch.tensor(
        [candidate.op not in (NONE, IDENTITY) for candidate in alphas.space.candidates],
        device=alphas.candidates.device,
    )


def _strongest(weights: Tensor, real: Tensor, count: int) -> Tensor:
    """A mask (..., candidates) of the `count` largest weights, the last of them given up for a real op if need be."""
    order = weights.argsort(dim=-1, descending=True, stable=True)
    kept = torch.zeros_like(weights, dtype=torch.bool).scatter_(-1, order[..., :count], True)
    if not bool(real.any()):
        return kept
    lacking = ~(kept & real).any(-1, keepdim=True)
    best_real = weights.masked_fill(~real, -1.0).argmax(-1, keepdim=True)
    weakest = order[..., count - 1 : count]
    given_up = kept.scatter(-1, weakest, False).scatter(-1, best_real, True)
    return torch.where(lacking, given_up, kept)
