"""Deterministic splits in which every class keeps its share."""

from __future__ import annotations

import torch
from torch import Tensor

from neat_deep.base.errors import DataError
from neat_deep.data.settings import check_share

TEST_SHARE = 0.2  # of a data set that comes without a test part
TEST_SEED = 0  # fixed: another split of training and validation must not move test examples into training


def stratified_split(labels: Tensor, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """The indices to train on and the `fraction` held out, both in rising order.

    Each class has at least one example on either side. Raises `ConfigError` for a fraction outside 0..1 and
    `DataError` for a class of one example.
    """
    check_share("fraction", fraction)
    classes, counts = _count(labels)
    for label, count in zip(classes, counts, strict=True):
        if count < 2:
            raise DataError(f"cannot split class {label}: got {count} example, allowed: 2 or more")
    held_out = round(fraction * len(labels))
    held_out = min(max(held_out, len(classes)), len(labels) - len(classes))
    shares = _apportion(counts, held_out, most=[count - 1 for count in counts])
    chosen = _choose(labels, classes, shares, seed)
    return (~chosen).nonzero().flatten(), chosen.nonzero().flatten()


def stratified_subset(labels: Tensor, count: int, seed: int) -> Tensor:
    """`count` indices in rising order, at least one of each class; all indices when there are no more than `count`.

    Raises `DataError` when `count` is less than the number of classes.
    """
    if count >= len(labels):
        return torch.arange(len(labels))
    classes, counts = _count(labels)
    if count < len(classes):
        raise DataError(f"cannot take a subset of {count} examples, allowed: {len(classes)} (the classes) or more")
    shares = _apportion(counts, count, most=counts)
    return _choose(labels, classes, shares, seed).nonzero().flatten()


def _count(labels: Tensor) -> tuple[list[int], list[int]]:
    """The classes that occur and how often each does."""
    classes, counts = labels.cpu().unique(return_counts=True)
    return classes.tolist(), counts.tolist()


def _apportion(counts: list[int], total: int, most: list[int]) -> list[int]:
    """`total` shared out in proportion to `counts`, each share 1 to its `most`, by the largest remainders."""
    quotas = [count * total / sum(counts) for count in counts]
    shares = [min(max(int(quota), 1), limit) for quota, limit in zip(quotas, most, strict=True)]
    while sum(shares) != total:
        step = 1 if sum(shares) < total else -1
        adjustable = [i for i, share in enumerate(shares) if 1 <= share + step <= most[i]]
        neediest = max(adjustable, key=lambda i: step * (quotas[i] - shares[i]))
        shares[neediest] += step
    return shares


def _choose(labels: Tensor, classes: list[int], shares: list[int], seed: int) -> Tensor:
    """A mask (N,) that is true at `shares` random examples of each class."""
    generator = torch.Generator().manual_seed(seed)
    labels = labels.cpu()
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label, share in zip(classes, shares, strict=True):
        members = (labels == label).nonzero().flatten()
        chosen[members[torch.randperm(len(members), generator=generator)[:share]]] = True
    return chosen
