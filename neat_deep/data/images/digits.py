"""The 1,797 digits of 8x8 pixels that ship inside scikit-learn: a data set without a download."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits

from neat_deep.data.images.image_split import ImageSource, LabelledImages
from neat_deep.data.settings import DataSettings
from neat_deep.data.splits import TEST_SEED, TEST_SHARE, stratified_split

BRIGHTEST = 16  # scikit-learn's pixels are 0 to 16


def read_digits(_: DataSettings) -> ImageSource:
    """scikit-learn's digits as bytes (N, 1, 8, 8); the same fifth of them is always the test part."""
    return ImageSource(
        class_names=tuple(str(digit) for digit in range(10)),
        train=_read_parts()[0],
        read_test=_read_test,
    )


def _read_test() -> LabelledImages:
    return _read_parts()[1]


def _read_parts() -> tuple[LabelledImages, LabelledImages]:
    digits = load_digits()
    pixels = torch.from_numpy(digits.images)[:, None]  # (N, 1, 8, 8) float64
    images = (pixels * (255 / BRIGHTEST)).round().to(torch.uint8)
    labels = torch.from_numpy(digits.target).long()
    train, test = stratified_split(labels, TEST_SHARE, TEST_SEED)
    return LabelledImages(images[train], labels[train]), LabelledImages(images[test], labels[test])
