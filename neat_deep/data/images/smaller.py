"""A data set with its images made smaller: cheaper to train on, for what only has to rank networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError
from neat_deep.data.images.image_split import ImageSplit
from neat_deep.data.spec import Dataset, DataSpec, Split, check_holds_images

AT_ONCE = 4096  # images that are resized together: as floats they take four times the memory


def smaller_images(dataset: Dataset, size: int) -> Dataset:
    """The data set with `size` pixels on its images' shorter side, and in proportion on the other; no test part.

    They are normalised as the large images are. Raises `ConfigError` as `smaller_spec` does.
    """
    spec = smaller_spec(dataset.spec, size)
    train, validation = (_smaller(part, spec) for part in (dataset.train, dataset.validation))
    return replace(dataset, spec=spec, train=train, validation=validation, load_test=None, rebuild=None)


def smaller_spec(data: DataSpec, size: int) -> DataSpec:
    """The facts of such a data set; raises `ConfigError` for texts and for a size that is larger than the images."""
    check_holds_images("image_size", size, data)
    check_range("image_size", size, low=1, high=min(data.shape[1:]))
    return replace(data, shape=(data.shape[0], *shape_of_size(data.shape, size)))


def shape_of_size(shape: Sequence[int], size: int) -> tuple[int, int]:
    """Height and width of images (..., H, W) when their shorter side has `size` pixels."""
    height, width = shape[-2:]
    shorter = min(height, width)
    return round(height * size / shorter), round(width * size / shorter)


def resized(images: Tensor, shape: tuple[int, int]) -> Tensor:
    """Float images (N, C, H, W) with another (height, width); each pixel is a mean of those that it covers.

    That is bilinear interpolation with antialiasing, as image libraries make images smaller.
    """
    return F.interpolate(images, shape, mode="bilinear", antialias=True)


def _smaller(split: Split, spec: DataSpec) -> ImageSplit:
    if not isinstance(split, ImageSplit):
        raise ConfigError(f"image_size: the data set '{spec.name}' is read by a class of its own; allowed: 0")
    height, width = spec.shape[1:]
    parts = [resized(images.float(), (height, width)) for images in split.images.split(AT_ONCE)]
    return replace(split, images=torch.cat([part.round().to(torch.uint8) for part in parts]), spec=spec)
