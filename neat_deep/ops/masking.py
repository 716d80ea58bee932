"""Padding of sequences: what a convolution, a pool or a dropout must not see."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def hide_padding(x: Tensor, mask: Tensor | None, value: float = 0.0) -> Tensor:
    """`x` (B, C, L) with its padding tokens, where `mask` (B, L) is false, set to `value`.

    Filled, not multiplied: a padding position may hold anything, and 0 times infinity is not 0.
    """
    return x if mask is None else x.masked_fill(~mask.unsqueeze(1), value)


def is_exporting() -> bool:
    """Whether torch.export records what runs: no shape may then depend on what a tensor holds, as on a mask."""
    known = getattr(torch.compiler, "is_exporting", None)  # older releases, which `export` refuses, do not tell
    return known is not None and known()


def drop_tokens(x: Tensor, mask: Tensor | None, share: float, training: bool) -> Tensor:
    """Dropout of `x` (B, C, ...); with a mask it draws for the real tokens alone, so the same whatever the padding."""
    if mask is None or not training:
        return F.dropout(x, share, training)
    tokens = x.transpose(1, 2)  # (B, L, C)
    kept = torch.zeros_like(tokens).masked_scatter(mask.unsqueeze(-1), F.dropout(tokens[mask], share))
    return kept.transpose(1, 2)
