"""Weights of classes in the loss, for data in which some classes have few examples."""

from __future__ import annotations

from torch import Tensor

NO_WEIGHTS, BALANCED = "none", "balanced"
CLASS_WEIGHTS = (NO_WEIGHTS, BALANCED)


def loss_weights(kind: str, labels: Tensor) -> Tensor | None:
    """Weights (classes,) for `cross_entropy`, of one of `CLASS_WEIGHTS`; None where all examples count the same.

    `balanced`: the examples of each class together count the same, however few they are; the mean weight of an
    example of `labels` (N,) is 1.
    """
    if kind == NO_WEIGHTS:
        return None
    counts = labels.bincount()
    return len(labels) / ((counts > 0).sum() * counts.clamp_min(1))
