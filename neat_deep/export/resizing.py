"""Images of any size to one size, as Pillow resizes them, in operations that every format of export has."""

from __future__ import annotations

import torch
from torch import Tensor

# Pillow's shares of red, green and blue in a grey pixel, of 65536: those of ITU-R BT.601, rounded.
GREY_SHARES = (19595, 38470, 7471)


def change_channels(images: Tensor, channels: int) -> Tensor:
    """Images (B, H, W, 1 or 3) of whole numbers 0..255 as grey or as RGB ones, (B, H, W, channels), bit for bit as
    Pillow's `convert`; images that have `channels` already stay as they are."""
    if images.shape[3] == channels:
        return images
    if channels == 3:
        return images.expand(-1, -1, -1, 3)
    shares = torch.tensor(GREY_SHARES, dtype=images.dtype, device=images.device)
    return ((images * shares).sum(3, keepdim=True) + 32768).div(65536).floor()  # all exact in float32


def resize(images: Tensor, height: int, width: int) -> Tensor:
    """Images (B, H, W, C) of whole numbers 0..255 resized to (B, height, width, C), by Pillow's `BILINEAR`.

    First the rows, then the columns, both rounded to whole numbers. Pillow's newer releases begin with the columns at
    some sizes, and all of its releases compute in whole numbers: a pixel may be 1 more or less than theirs, seldom 2.
    """
    rows = _round(_weights(images.shape[2], width, images) @ images)  # (B, H, width, C)
    columns = rows.flatten(2)  # (B, H, width * C)
    resized = _round(_weights(images.shape[1], height, images) @ columns)
    return resized.unflatten(2, (width, images.shape[3]))


def _weights(old: int, new: int, like: Tensor) -> Tensor:
    """How much each of `old` pixels in a row counts for each of `new` ones (new, old): a triangle around its centre.

    It is as wide as two new pixels where they are wider than the old ones, so that none of those is lost.
    """
    centres = (torch.arange(new, device=like.device, dtype=like.dtype) + 0.5) * old / new
    pixels = torch.arange(old, device=like.device, dtype=like.dtype) + 0.5
    # The width of a new pixel, and 1 at least; torch.export knows `old` as a tensor alone.
    reach = (torch.ones_like(centres[:1]) * old / new).clamp_min(1.0)
    shares = (1 - (pixels - centres[:, None]).abs() / reach).clamp_min(0.0)
    return shares / shares.sum(1, keepdim=True)


def _round(values: Tensor) -> Tensor:
    """Whole numbers; a half becomes the larger one."""
    return (values + 0.5).floor()
