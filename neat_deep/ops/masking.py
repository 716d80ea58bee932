"""Padding of sequences: what a convolution or a pool must not see."""

from __future__ import annotations

from torch import Tensor


def hide_padding(x: Tensor, mask: Tensor | None, value: float = 0.0) -> Tensor:
    """`x` (B, C, L) with its padding tokens, where `mask` (B, L) is false, set to `value`.

    Filled, not multiplied: a padding position may hold anything, and 0 times infinity is not 0.
    """
    return x if mask is None else x.masked_fill(~mask.unsqueeze(1), value)
