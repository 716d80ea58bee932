"""Augmentation: what each setting does to a batch, judged from the pixels alone."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from neat_deep.base.errors import ConfigError
from neat_deep.data import Augmentation, augment


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(batch: int, channels: int = 2, height: int = 9, width: int = 12) -> Tensor:
    """One random image without black pixels, `batch` times."""
    image = 0.1 + torch.rand(channels, height, width, generator=seeded(99))
    return image.repeat(batch, 1, 1, 1)


def moved(image: Tensor, down: int, right: int) -> Tensor:
    """`image` (C, H, W) moved pixel by pixel, black where nothing came in."""
    out = torch.zeros_like(image)
    _, height, width = image.shape
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                out[:, row, column] = image[:, row - down, column - right]
    return out


def centred_positions(height: int, width: int) -> tuple[Tensor, Tensor]:
    rows = torch.arange(height)[:, None] - (height - 1) / 2
    columns = torch.arange(width)[None, :] - (width - 1) / 2
    return rows, columns


def test_without_settings_the_images_stay_and_no_number_is_drawn() -> None:
    images, generator = noise(4), seeded()
    before = generator.get_state()
    assert torch.equal(augment(images, Augmentation(), generator), images)
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(shift=2),
        Augmentation(flip=True),
        Augmentation(rotate=20.0),
        Augmentation(scale=0.2),
        Augmentation(erase=3),
        Augmentation(shift=1, rotate=5.0, scale=0.1, flip=True, erase=2),
    ],
)
def test_the_generator_decides_and_the_input_is_left_alone(augmentation: Augmentation) -> None:
    images = noise(16)
    first = augment(images, augmentation, seeded(1))
    assert first.shape == images.shape
    assert torch.equal(first, augment(images, augmentation, seeded(1)))
    assert not torch.equal(first, augment(images, augmentation, seeded(2)))
    assert torch.equal(images, noise(16))
    assert not torch.equal(first, images)


def test_shift_moves_by_whole_pixels_onto_a_black_background() -> None:
    images = noise(400)
    offsets = list(product(range(-2, 3), repeat=2))
    allowed = {offset: moved(images[0], *offset) for offset in offsets}
    met = set()
    for image in augment(images, Augmentation(shift=2), seeded()):
        matches = [offset for offset, expected in allowed.items() if torch.equal(image, expected)]
        assert len(matches) == 1
        met.update(matches)
    assert met == set(offsets)


def test_flip_mirrors_about_half_of_the_images() -> None:
    images = noise(400)
    flipped = [torch.equal(image, images[0].flip(2)) for image in augment(images, Augmentation(flip=True), seeded())]
    kept = [torch.equal(image, images[0]) for image in augment(images, Augmentation(flip=True), seeded())]
    assert all(a != b for a, b in zip(flipped, kept, strict=True))
    assert 140 < sum(flipped) < 260


@pytest.mark.parametrize("whole", [Augmentation(shift=3), Augmentation(flip=True), Augmentation(shift=2, flip=True)])
def test_interpolation_agrees_with_whole_pixels_where_there_is_nothing_to_interpolate(whole: Augmentation) -> None:
    images = noise(64)
    turned = Augmentation(shift=whole.shift, flip=whole.flip, rotate=1e-6)  # so little that only the path differs
    torch.testing.assert_close(augment(images, turned, seeded()), augment(images, whole, seeded()), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(41, 41), (31, 61), (61, 31)])
def test_rotate_turns_by_up_to_the_angle_and_keeps_shapes(height: int, width: int) -> None:
    rows, columns = centred_positions(height, width)
    bar = ((rows.abs() <= 1.5) & (columns.abs() <= 12)).float()
    turned = augment(bar.repeat(300, 1, 1, 1), Augmentation(rotate=30.0), seeded())[:, 0]
    # The direction of the longest extent, from the second moments.
    mass = turned.sum((1, 2))
    across = (turned * columns**2).sum((1, 2)) / mass
    down = (turned * rows**2).sum((1, 2)) / mass
    both = (turned * rows * columns).sum((1, 2)) / mass
    degrees = torch.atan2(2 * both, across - down) / 2 * 180 / math.pi
    assert degrees.abs().max() < 30.5
    assert degrees.min() < -25
    assert degrees.max() > 25
    # In an image that is not square, a turn in its relative units would shear the bar and change its extent.
    torch.testing.assert_close(mass, mass.new_full((300,), float(bar.sum())), atol=0, rtol=0.03)
    extent = across + down
    torch.testing.assert_close(extent, extent.mean().expand(300), atol=0, rtol=0.03)


def test_scale_zooms_about_the_centre() -> None:
    rows, columns = centred_positions(61, 81)
    disc = ((rows**2 + columns**2) <= 15**2).float()
    zoomed = augment(disc.repeat(300, 1, 1, 1), Augmentation(scale=0.2), seeded())[:, 0]
    zooms = (zoomed.sum((1, 2)) / disc.sum()).sqrt()
    assert 0.79 < zooms.min() < 0.83
    assert 1.17 < zooms.max() < 1.21
    assert (zoomed * rows).sum((1, 2)).abs().max() < 0.1  # the centre of mass stays
    assert (zoomed * columns).sum((1, 2)).abs().max() < 0.1


def test_what_a_turn_brings_in_from_outside_is_black() -> None:
    white = torch.ones(50, 1, 20, 20)
    turned = augment(white, Augmentation(rotate=45.0), seeded())
    assert turned.min() == 0
    assert turned.max() <= 1 + 1e-5
    torch.testing.assert_close(turned[:, :, 9:11, 9:11], torch.ones(50, 1, 2, 2))


@pytest.mark.parametrize("side", [1, 4, 5])
def test_erase_blackens_one_square_that_the_border_may_cut(side: int) -> None:
    images = noise(400, height=10, width=14)
    sizes, cut_by = set(), set()
    for image in augment(images, Augmentation(erase=side), seeded()):
        erased = (image == 0).all(0)
        assert torch.equal(image[:, ~erased], images[0][:, ~erased])
        height, width = int(erased.any(1).sum()), int(erased.any(0).sum())
        assert erased.sum() == height * width  # a rectangle without holes
        assert 1 <= height <= side
        assert 1 <= width <= side
        sizes.add((height, width))
        if height < side:
            cut_by.add("top" if erased[0].any() else "bottom")
        if width < side:
            cut_by.add("left" if erased[:, 0].any() else "right")
    assert (side, side) in sizes
    assert side == 1 or cut_by == {"top", "bottom", "left", "right"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_sees_the_same_changes() -> None:
    augmentation = Augmentation(shift=2, rotate=10.0, scale=0.1, flip=True, erase=3)
    on_cpu = augment(noise(32), augmentation, seeded())
    on_gpu = augment(noise(32).cuda(), augmentation, seeded())
    torch.testing.assert_close(on_gpu.cpu(), on_cpu, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shift": -1}, "shift: got -1, allowed: 0 or more"),
        ({"rotate": 181.0}, "rotate: got 181.0, allowed: 0 to 180"),
        ({"rotate": math.nan}, "rotate: got nan"),
        ({"scale": 1.0}, "scale: got 1.0, allowed: 0 to 0.9"),
        ({"erase": -2}, "erase: got -2, allowed: 0 or more"),
    ],
)
def test_bad_settings(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Augmentation(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["shift", "erase"])
def test_settings_that_do_not_fit_the_image(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}: got 9, allowed: less than the 9 pixels"):
        augment(noise(2), Augmentation(**{key: 9}), seeded())
    augment(noise(2), Augmentation(**{key: 8}), seeded())
