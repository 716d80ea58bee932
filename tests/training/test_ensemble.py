"""What the vote of several networks is."""

from __future__ import annotations

import torch
from torch import nn

from neat_deep.training.ensemble import Ensemble


def test_the_vote_is_the_mean_probability() -> None:
    torch.manual_seed(0)
    networks = [nn.Linear(3, 4), nn.Linear(3, 4)]
    x = torch.randn(5, 3)
    expected = torch.stack([network(x).softmax(1) for network in networks]).mean(0)
    assert torch.allclose(Ensemble(networks)(x).exp(), expected, atol=1e-6)
