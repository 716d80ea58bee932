"""Several networks that vote."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from neat_deep.base.errors import ArchitectureError, ConfigError
from neat_deep.base.fields import parse_json
from neat_deep.base.files import read_text

VOTE = "ensemble.json"  # in a run's folder: the figures of its vote, whose networks lie beside it


def member_file(folder: Path, number: int) -> Path:
    """The `trained.pt` of a network that votes, numbered from 1."""
    return folder / f"ensemble-{number}.pt"


def vote_members(path: Path) -> list[Path]:
    """The files of the networks whose vote the file `path`, a `VOTE`, tells of; raises `ArchitectureError`."""
    try:
        content = parse_json(read_text(path, "ensemble", ArchitectureError))
    except ConfigError as error:
        raise ArchitectureError(f"{path}: {error}") from None
    members = content.get("members") if isinstance(content, dict) else None
    if not isinstance(members, list) or not members:
        raise ArchitectureError(f"{path}: members: got none, allowed: what `neat-deep ensemble` wrote")
    return [member_file(path.parent, number) for number in range(1, len(members) + 1)]


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
