"""A data set with its images made smaller: cheaper to train on, for what only has to rank networks."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError
from neat_deep.data.images.image_split import ImageSplit
from neat_deep.data.spec import Dataset, DataSpec, Split

AT_ONCE = 4096  # images that are resized together: as floats they take four times the memory


def smaller_images(dataset: Dataset, size: int) -> Dataset:
    """The data set with `size` pixels on its images' shorter side, and in proportion on the other; no test part.

    Each pixel is a mean of those that it covers (bilinear, with antialiasing). They are normalised as the large images
    are. Raises `ConfigError` as `smaller_spec` does.
    """
    spec = smaller_spec(dataset.spec, size)
    train, validation = (_smaller(part, spec) for part in (dataset.train, dataset.validation))
    return replace(dataset, spec=spec, train=train, validation=validation, load_test=None, rebuild=None)


def smaller_spec(data: DataSpec, size: int) -> DataSpec:
    """The facts of such a data set; raises `ConfigError` for texts and for a size that is larger than the images."""
    if data.rank != 2:
        raise ConfigError(f"image_size: got {size}, allowed: 0, since the data set '{data.name}' holds texts")
    channels, height, width = data.shape
    shorter = min(height, width)
    check_range("image_size", size, low=1, high=shorter)
    return replace(data, shape=(channels, round(height * size / shorter), round(width * size / shorter)))


def _smaller(split: Split, spec: DataSpec) -> ImageSplit:
    if not isinstance(split, ImageSplit):
        raise ConfigError(f"image_size: the data set '{spec.name}' is read by a class of its own; allowed: 0")
    parts = [_resized(images, spec.shape[1:]) for images in split.images.split(AT_ONCE)]
    return replace(split, images=torch.cat(parts), spec=spec)


def _resized(images: Tensor, shape: tuple[int, ...]) -> Tensor:
    """uint8 images (N, C, H, W) as uint8 images of another shape (height, width)."""
    floats = F.interpolate(images.float(), shape, mode="bilinear", antialias=True)
    return floats.round().clamp(0, 255).to(torch.uint8)
