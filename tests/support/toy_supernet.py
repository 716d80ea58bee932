"""Supernets small enough for exact derivatives, in float64, and batches for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from darts import SearchSpace, Supernet, build_supernet
from neat_deep.data import Batch
from neat_deep.space.architecture import Skeleton
from tests.support.toy_data import SPEC

SPACE = SearchSpace(("none", "identity", "sep_conv_3", "avg_pool_3"), ("identity", "tanh"), nodes=2)
SKELETON = Skeleton(channels=8, cells=2, reduce_after=(1,), growth=1.0)


def supernet(
    space: SearchSpace = SPACE, skeleton: Skeleton = SKELETON, spread: float = 1.0, **options: Any
) -> Supernet:
    """A supernet in training mode whose alphas differ by about `spread`, so that each of them matters."""
    made = build_supernet(space, skeleton, SPEC, seed=0, **options).double()
    spread_alphas(made, spread)
    return made.train()


def spread_alphas(made: Supernet, spread: float = 1.0, seed: int = 0) -> None:
    """Draw all alphas anew."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for alpha in made.alphas.parameters():
            alpha.copy_(spread * torch.randn(alpha.shape, generator=generator))


def batch(seed: int, count: int = 8) -> Batch:
    """Noise with random labels."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, *SPEC.shape, generator=generator, dtype=torch.float64)
    return Batch(inputs, torch.randint(0, SPEC.num_classes, (count,), generator=generator))


def relative_error(found: list[Tensor], exact: list[Tensor]) -> float:
    """The length of the difference over the length of what is exact, of all tensors together."""
    difference = torch.cat([(f - e).flatten() for f, e in zip(found, exact, strict=True)])
    return float(difference.norm() / torch.cat([e.flatten() for e in exact]).norm())
