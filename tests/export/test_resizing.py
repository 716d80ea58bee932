"""Images are resized and converted as Pillow does it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from neat_deep.export.resizing import change_channels, resize

SIDES = st.integers(1, 40)


def pixels(height: int, width: int, channels: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (1, height, width, channels), generator=generator, dtype=torch.uint8)


def by_pillow(image: Tensor, height: int, width: int) -> Tensor:
    array = image[0].squeeze(2).numpy()
    resized = np.asarray(Image.fromarray(array).resize((width, height), Image.Resampling.BILINEAR))
    return torch.from_numpy(resized.reshape(1, height, width, image.shape[3]).copy())


@settings(max_examples=40, deadline=None)
@given(old=st.tuples(SIDES, SIDES), new=st.tuples(SIDES, SIDES), channels=st.sampled_from([1, 3]))
def test_a_pixel_is_pillows_or_next_to_it(old: tuple[int, int], new: tuple[int, int], channels: int) -> None:
    """Both round twice, in another order at some sizes: by a half each."""
    image = pixels(*old, channels)
    difference = (resize(image.float(), *new) - by_pillow(image, *new)).abs()
    assert difference.max() <= 2
    assert difference.mean() < 0.5


@pytest.mark.parametrize("new", [(20, 10), (20, 41), (7, 30), (64, 30)])
def test_one_direction_alone_is_as_pillows(new: tuple[int, int]) -> None:
    """Nothing is rounded between two directions then, and only what is close to a half may differ."""
    image = pixels(20, 30, 3)
    size = (20, new[1]) if new[0] == 20 else (new[0], 30)
    difference = resize(image.float(), *size) - by_pillow(image, *size)
    assert (difference != 0).float().mean() < 0.01


@settings(max_examples=20, deadline=None)
@given(SIDES, SIDES)
def test_images_of_the_right_size_stay_as_they_are(height: int, width: int) -> None:
    image = pixels(height, width, 3).float()
    assert torch.equal(resize(image, height, width), image)


def test_colours_become_pillows_grey() -> None:
    image = pixels(200, 200, 3)
    grey = np.asarray(Image.fromarray(image[0].numpy()).convert("L"))
    assert np.array_equal(change_channels(image.float(), 1)[0, :, :, 0].numpy(), grey)


def test_grey_becomes_three_times_the_same() -> None:
    image = pixels(5, 4, 1).float()
    assert torch.equal(change_channels(image, 3), torch.cat([image] * 3, 3))
    assert torch.equal(change_channels(change_channels(image, 3), 1), image)
