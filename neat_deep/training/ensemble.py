"""Several networks that vote."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


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
