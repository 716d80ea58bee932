"""A data set whose images are made smaller."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from neat_deep.base.errors import ConfigError
from neat_deep.data import Dataset, DataSpec, ImageSplit
from neat_deep.data.images.smaller import AT_ONCE, smaller_images

SPEC = DataSpec("images", 2, 2, ("a", "b"), (3, 8, 12), (0.4,) * 3, (0.2,) * 3)
TEXTS = replace(SPEC, rank=1, shape=(6,), vocabulary=9)


def images(count: int) -> ImageSplit:
    pixels = torch.randint(0, 256, (count, *SPEC.shape), generator=torch.Generator().manual_seed(count)).to(torch.uint8)
    return ImageSplit(pixels, torch.arange(count) % 2, SPEC)


def dataset(train: int = 6) -> Dataset:
    return Dataset(SPEC, images(train), images(4), lambda: images(2))


def test_every_example_stays_and_has_means_of_its_pixels() -> None:
    small = smaller_images(dataset(), 4)
    assert small.spec.shape == small.train.spec.shape == (3, 4, 6)  # type: ignore[attr-defined]
    assert (small.spec.mean, small.spec.std, small.has_test) == (SPEC.mean, SPEC.std, False)
    assert torch.equal(small.train.labels, images(6).labels)
    (batch,) = small.validation.eval_batches(10)
    (large,) = images(4).eval_batches(10)
    expected = F.interpolate(large.inputs, (4, 6), mode="bilinear", antialias=True)
    half_a_step = 0.5 / 255 / 0.2
    torch.testing.assert_close(batch.inputs, expected, atol=1.01 * half_a_step, rtol=0)


def test_parts_of_many_images_are_like_one() -> None:
    split = images(AT_ONCE + 1)
    last = smaller_images(replace(dataset(), train=split), 4).train.subset(torch.tensor([AT_ONCE]))
    alone = smaller_images(replace(dataset(), train=split.subset(torch.tensor([AT_ONCE]))), 4).train
    assert last.digest() == alone.digest()


def test_their_own_size_changes_nothing() -> None:
    assert smaller_images(dataset(), 8).train.digest() == dataset().train.digest()


@pytest.mark.parametrize(
    ("data", "size", "says"),
    [
        (dataset(), 9, "image_size: got 9, allowed: 1 to 8"),
        (replace(dataset(), spec=TEXTS), 4, "image_size: got 4, allowed: 0, since the data set 'images' holds texts"),
    ],
)
def test_sizes_that_cannot_be(data: Dataset, size: int, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        smaller_images(data, size)
