"""What alphas cost that do not decide, beside the loss that they are trained by."""

from __future__ import annotations

import torch
from torch import Tensor

from darts.alphas import Alphas


def entropy(alphas: Alphas) -> Tensor:
    """The mean entropy of an edge's candidates, in nats; where edges are normalised, plus that of a node's edges.

    It is 0 for alphas that have decided, and then deriving a cell changes nothing.
    """
    mean = _entropies(alphas.candidate_weights()).mean()
    edges = alphas.edge_weights()
    if edges is None:
        return mean
    space = alphas.space
    ranges = [space.edges_into(node) for node in range(space.nodes)]
    return mean + torch.stack([_entropies(edges[:, part.start : part.stop]).mean() for part in ranges]).mean()


def undecided(alphas: Alphas) -> Tensor:
    """How far independent weights are from 0 and 1: -mean (weight - 1/2)^2 (FairDARTS, arXiv 1911.12126, eq. 4)."""
    distances = (alphas.candidate_weights() - 0.5).square() * alphas.alive
    return -distances.sum() / alphas.alive.sum()


def price_gradients(alphas: Alphas, entropy_price: float, zero_one_price: float) -> list[Tensor | None]:
    """What both prices add to the gradient of each alpha tensor; None where nothing."""
    price = alphas.candidates.new_zeros(())
    if entropy_price:
        price = price + entropy_price * entropy(alphas)
    if zero_one_price:
        price = price + zero_one_price * undecided(alphas)
    if not price.requires_grad:
        return [None for _ in alphas.parameters()]
    return list(torch.autograd.grad(price, list(alphas.parameters()), allow_unused=True))


def _entropies(weights: Tensor) -> Tensor:
    return torch.special.entr(weights.clamp_min(torch.finfo(weights.dtype).tiny)).sum(-1)
