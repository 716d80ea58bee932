"""What training examples go through: images whole batches at a time on the device, texts as they are batched.

Everything random is drawn on the CPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError

OF_TEXTS = ("word_dropout", "token_cutoff")


@dataclass(frozen=True)
class Augmentation:
    """How far a training example may be changed; every default leaves it alone.

    The settings are for images, but for the last two, which are for texts.
    """

    shift: int = 0  # pixels up or down and left or right; what CIFAR recipes call a random crop with padding
    rotate: float = 0.0  # degrees either way
    scale: float = 0.0  # share of the size: 0.1 draws zooms of 0.9 to 1.1
    flip: bool = False  # left to right, every second image; wrong for digits and letters
    erase: int = 0  # side in pixels of one erased square, anywhere (Cutout: DeVries and Taylor, arXiv 1708.04552)
    word_dropout: float = 0.0  # share of a text's tokens that become the unknown token
    token_cutoff: float = 0.0  # share that is taken out, and the text closes up (Shen et al., arXiv 2009.13818)

    def __post_init__(self) -> None:
        check_range("shift", self.shift, low=0)
        check_range("rotate", self.rotate, low=0, high=180)
        check_range("scale", self.scale, low=0, high=0.9)  # a zoom of 0 would leave nothing to see
        check_range("erase", self.erase, low=0)
        check_range("word_dropout", self.word_dropout, low=0, high=0.9)
        check_range("token_cutoff", self.token_cutoff, low=0, high=0.9)

    @property
    def changes_nothing(self) -> bool:
        """Whether every setting is off."""
        return self == Augmentation()

    def scaled(self, share: float) -> Augmentation:
        """The same for images of `share` times the size: what is in pixels is as much less, but not switched off."""

        def pixels(count: int) -> int:
            return max(round(count * share), min(count, 1))

        return replace(self, shift=pixels(self.shift), erase=pixels(self.erase))


def check_augmentation(augmentation: Augmentation, rank: int) -> None:
    """Raise `ConfigError` for a setting that is for examples of another rank (2: images, 1: sequences)."""
    for setting in fields(augmentation):
        value = getattr(augmentation, setting.name)
        needed, kind = (1, "texts") if setting.name in OF_TEXTS else (2, "images")
        if value and rank != needed:
            raise ConfigError(f"{setting.name}: got {value}, allowed: {setting.default}; it changes {kind} only")


def augment(images: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """Float images (B, C, H, W), each changed at random; the background, and what is erased, is 0.

    Call it before the normalisation, while 0 still means a black pixel. `generator` is a CPU generator whatever
    the images' device, so that every device sees the same changes; without any augmentation it is not used.
    Whole shifts and flips copy pixels; turns and zooms interpolate bilinearly. Raises `ConfigError` when the shift
    or the erased square does not fit the image.
    """
    if augmentation.changes_nothing:
        return images
    height, width = images.shape[-2:]
    for key, length in (("shift", augmentation.shift), ("erase", augmentation.erase)):
        if length >= min(height, width):
            raise ConfigError(f"{key}: got {length}, allowed: less than the {min(height, width)} pixels of the image")
    # As many numbers for every setting, so that two settings that differ in one part agree in the others.
    draws = torch.rand(len(images), 7, generator=generator)
    up, left, turn, zoom, side, erase_row, erase_column = draws.unbind(1)
    rows = _whole(up, 2 * augmentation.shift + 1) - augmentation.shift
    columns = _whole(left, 2 * augmentation.shift + 1) - augmentation.shift
    if augmentation.flip:
        images = torch.where((side < 0.5).to(images.device)[:, None, None, None], images.flip(3), images)
    if augmentation.rotate or augmentation.scale:
        angles = (2 * turn - 1) * math.radians(augmentation.rotate)
        zooms = 1 + (2 * zoom - 1) * augmentation.scale
        images = _warp(images, _matrices(height, width, rows, columns, angles, zooms))
    elif augmentation.shift:
        images = _move(images, rows, columns, augmentation.shift)
    if augmentation.erase:
        images = _erase(images, _whole(erase_row, height), _whole(erase_column, width), augmentation.erase)
    return images


def _whole(draws: Tensor, count: int) -> Tensor:
    """Uniform draws of 0..1 as whole numbers of 0 to `count` - 1."""
    return (draws * count).long()


def _move(images: Tensor, rows: Tensor, columns: Tensor, margin: int) -> Tensor:
    """Each image moved down by `rows` (B,) and right by `columns` (B,), both at most `margin` pixels either way."""
    height, width = images.shape[-2:]
    padded = F.pad(images, (margin, margin, margin, margin))
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # (B, C, 2 margin + 1, 2 margin + 1, H, W), a view
    each = torch.arange(len(images), device=images.device)
    return windows[each, :, (margin - rows).to(images.device), (margin - columns).to(images.device)]  # (B, C, H, W)


def _matrices(height: int, width: int, rows: Tensor, columns: Tensor, angles: Tensor, zooms: Tensor) -> Tensor:
    """The (B, 2, 3) maps from output to input positions (x, y), in units that go from -1 to 1 across the image."""
    cos, sin = angles.cos() / zooms, angles.sin() / zooms
    # In pixels from the centre: undo the shift, then the turn and the zoom.
    linear = torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)], 1)  # (B, 2, 2) on (x, y)
    move = -(linear @ torch.stack([columns, rows], 1)[:, :, None].to(linear.dtype))  # (B, 2, 1)
    pixels = torch.cat([linear, move], 2)  # (B, 2, 3)
    half = torch.tensor([width / 2, height / 2])
    return pixels * torch.cat([half, half.new_ones(1)]) / half[:, None]


def _warp(images: Tensor, matrices: Tensor) -> Tensor:
    height, width = images.shape[-2:]
    across = (2 * torch.arange(width, device=images.device) + 1) / width - 1  # (W,): the centres of the pixels
    down = ((2 * torch.arange(height, device=images.device) + 1) / height - 1)[:, None]  # (H, 1)
    factors = matrices.to(images)[..., None, None]  # (B, 2, 3, 1, 1)
    # What torch's `affine_grid` computes, without its matrix product, which takes longer than the sampling.
    x, y = ((factors[:, i, 0] * across) + (factors[:, i, 1] * down + factors[:, i, 2]) for i in (0, 1))
    grid = torch.stack([x, y], -1)  # (B, H, W, 2)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _erase(images: Tensor, rows: Tensor, columns: Tensor, side: int) -> Tensor:
    """Zeros in a square around each position; it may reach over the border, as in the Cutout paper, section 3.2."""
    height, width = images.shape[-2:]
    down = torch.arange(height) - rows[:, None] + side // 2  # (B, H): 0 to side - 1 inside the square
    across = torch.arange(width) - columns[:, None] + side // 2
    inside_rows = ((down >= 0) & (down < side)).to(images.device)
    inside_columns = ((across >= 0) & (across < side)).to(images.device)
    erased = inside_rows[:, None, :, None] & inside_columns[:, None, None, :]  # (B, 1, H, W)
    return images.masked_fill(erased, 0.0)
