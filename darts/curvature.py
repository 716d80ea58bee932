"""How sharply the loss bends along the alphas, and when that says that a search should end."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import torch
from torch import Tensor

from darts.alphas import Alphas
from darts.architect import Architect
from neat_deep.data import Batch

ITERATIONS = 8  # of the power method; the figure is compared with others of its kind, not with the exact value
PASSES = 2 * ITERATIONS  # gradients of the alphas that one figure takes
STEP = 0.01  # of the finite difference, along a direction of length 1
WINDOW = 5  # epochs, over which eigenvalues are averaged and back to which they are compared, as published


def largest_eigenvalue(alphas: Alphas, architect: Architect, batch: Batch, *, seed: int) -> float:
    """The eigenvalue of largest size of the second derivative of the batch's loss by all alphas (R-DARTS).

    arXiv 1909.09656, section 3. By the power method; a product with the second derivative is a central difference of
    two first-order gradients. The alphas are as before afterwards.
    """
    parameters = list(alphas.parameters())
    generator = torch.Generator().manual_seed(seed)
    direction = [torch.randn(p.shape, generator=generator).to(p) for p in parameters]
    value = 0.0
    before = [p.detach().clone() for p in parameters]
    for _ in range(ITERATIONS):
        length = _dot(direction, direction) ** 0.5
        if not length:
            return 0.0  # the loss does not bend at all
        direction = [d / length for d in direction]
        ends = []
        for sign in (1, -1):
            _set(parameters, [p + sign * STEP * d for p, d in zip(before, direction, strict=True)])
            ends.append(architect.first_order(batch, seed=seed).gradients)
        product = [(plus - minus) / (2 * STEP) for plus, minus in zip(*ends, strict=True)]
        value = _dot(direction, product)
        direction = product
    _set(parameters, before)
    return value


def has_grown(eigenvalues: Sequence[float], ratio: float) -> bool:
    """Whether the mean of the last `WINDOW` eigenvalues is more than 1 / `ratio` times that of `WINDOW` epochs before.

    arXiv 1909.09656, section 4.3, where `ratio` is 0.75 and what counts is the cell of `WINDOW` epochs before.
    """
    if len(eigenvalues) < 2 * WINDOW:
        return False
    now = statistics.fmean(eigenvalues[-WINDOW:])
    before = statistics.fmean(eigenvalues[-2 * WINDOW : -WINDOW])
    return now > 0 and before < ratio * now


def _dot(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    return float(sum(torch.sum(a * b) for a, b in zip(one, other, strict=True)))


def _set(parameters: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for parameter, value in zip(parameters, values, strict=True):
            parameter.copy_(value)
