"""Several networks that vote: which of a run's networks, and the module that combines them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from neat_deep.base.checks import check_range
from neat_deep.reports.pareto import pareto_front
from neat_deep.store.records import CandidateRecord


class Ensemble(nn.Module):
    """The mean of the networks' class probabilities, as log-probabilities (B, classes)."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Log-probabilities for a batch of images (B, C, H, W), or of tokens (B, L) with their mask."""
        logits = [network(x) if mask is None else network(x, mask) for network in self.networks]
        logs = torch.stack([one.float().log_softmax(1) for one in logits])  # (networks, B, classes)
        return logs.logsumexp(0) - math.log(len(logits))


def choose_members(candidates: Sequence[CandidateRecord], count: int) -> list[CandidateRecord]:
    """The `count` networks of a run that shall vote, best first: the best of each species, then the best of the rest.

    Only networks that were trained to the last rung count, each graph once. There may be fewer. The best is the run's:
    of networks that tie it is the one that was scored first.
    """
    check_range("count", count, low=1)
    ranked = sorted(
        pareto_front(candidates).networks, key=lambda row: (-(row.objective or 0.0), row.generation, row.position)
    )
    graphs: dict[str, CandidateRecord] = {}
    for row in ranked:
        graphs.setdefault(row.digest, row)
    species: dict[int | None, CandidateRecord] = {}
    for row in graphs.values():
        species.setdefault(row.species, row)
    leaders = list(species.values())
    rest = [row for row in graphs.values() if row not in leaders]
    return sorted([*leaders, *rest][:count], key=ranked.index)
