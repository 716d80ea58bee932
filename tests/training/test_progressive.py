"""Progressive resizing: images that grow while a network is trained on them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from neat_deep.base.errors import ConfigError
from neat_deep.data import Batch, DataSpec, ImageSplit
from neat_deep.networks.network import Network
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.fit import fit
from neat_deep.training.progressive import resized, size_at, work_done
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.suitability import check_training_settings
from neat_deep.training.timing import PASS_SHARE, STEPS, seconds_per_example

CPU = torch.device("cpu")
SPEC = DataSpec("images", 2, 2, ("a", "b"), (1, 16, 24), (0.0,), (1.0,))


class Sizes(nn.Module):
    """A model that notes the sizes of the images that it was trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 2)
        self.seen: list[tuple[int, int]] = []

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.seen.append((images.shape[2], images.shape[3]))
        result: Tensor = self.layer(images.mean((2, 3)))
        return result


def images(count: int = 8) -> ImageSplit:
    pixels = torch.arange(count * 16 * 24).remainder(256).to(torch.uint8).view(count, 1, 16, 24)
    return ImageSplit(pixels, torch.arange(count) % 2, SPEC)


def sizes_of(**settings: object) -> list[tuple[int, int]]:
    model = Sizes()
    chosen = replace(TrainingSettings(epochs=4, batch_size=4), **settings)  # type: ignore[arg-type]
    fit(model, images(), chosen, device=CPU, seed=1, validation=images())
    return model.seen


def test_images_keep_their_size_unless_it_is_asked() -> None:
    assert sizes_of() == [(16, 24)] * 8


def test_each_size_has_an_equal_share_and_the_shape_its_proportion() -> None:
    assert sizes_of(progressive_sizes=(8, 12, 16, 16)) == [*[(8, 12)] * 2, *[(12, 18)] * 2, *[(16, 24)] * 4]


def test_one_epoch_has_all_the_sizes() -> None:
    assert sizes_of(epochs=1, progressive_sizes=(8, 16)) == [(8, 12), (16, 24)]


@pytest.mark.parametrize(("sizes", "expected"), [((4, 8, 16), [8, 16]), (tuple(range(1, 17)), [8, 16])])
def test_of_more_sizes_than_steps_the_last_has_its_step(sizes: tuple[int, ...], expected: list[int]) -> None:
    assert [height for height, _ in sizes_of(epochs=1, progressive_sizes=sizes)] == expected


def test_early_stopping_waits_for_the_last_size() -> None:
    """Scores of epochs before it say nothing about the network that comes out."""
    learning_nothing = 1e-30
    assert len(sizes_of(early_stopping=1, epochs=8, learning_rate=learning_nothing)) == 4
    later = sizes_of(early_stopping=1, epochs=8, learning_rate=learning_nothing, progressive_sizes=(8, 16))
    assert len(later) == 8 + 4


def test_time_that_is_over_shows_every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a limited time it is the share of the time that counts, or the last sizes would never be seen."""
    clock = iter(range(1000))
    monkeypatch.setattr("neat_deep.training.fit.time.perf_counter", lambda: next(clock) / 10)
    model = Sizes()
    settings = TrainingSettings(epochs=1000, batch_size=4, progressive_sizes=(8, 16))
    fit(model, images(), settings, device=CPU, seed=1, seconds=3.0)
    assert set(model.seen) == {(8, 12), (16, 24)}
    assert model.seen == sorted(model.seen)


@given(st.lists(st.integers(1, 64), min_size=1, max_size=6), st.floats(0, 1))
def test_progress_goes_through_the_sizes_in_order(sizes: list[int], progress: float) -> None:
    marked = list(range(len(sizes)))
    assert size_at(marked, progress) <= size_at(marked, min(1.0, progress + 0.1)) <= size_at(marked, 1.0)
    assert (size_at(sizes, 0.0), size_at(sizes, 1.0)) == (sizes[0], sizes[-1])


def test_the_time_left_counts_pixels() -> None:
    """A quarter of the pixels takes about a quarter of the time."""
    assert work_done((8, 16), 0.5) == 0.2
    assert work_done((8, 16), 0.75) == 0.6
    assert work_done((), 0.3) == 0.3
    seen = []
    settings = TrainingSettings(epochs=2, batch_size=4, progressive_sizes=(8, 16))
    fit(Sizes(), images(), settings, device=CPU, seed=1, on_step=lambda progress: seen.append(progress.work))
    assert seen == pytest.approx([0.1, 0.2, 0.6, 1.0])


@given(st.lists(st.integers(1, 64), max_size=6), st.floats(0, 1), st.floats(0, 1))
def test_work_grows_with_progress(sizes: list[int], one: float, other: float) -> None:
    before, after = sorted((one, other))
    assert 0 <= work_done(sizes, before) <= work_done(sizes, after) + 1e-9
    assert work_done(sizes, 1.0) == pytest.approx(1.0)


@given(st.integers(1, 16))
def test_an_even_image_stays_even_and_a_batch_keeps_the_rest(size: int) -> None:
    batch = Batch(torch.full((2, 1, 16, 24), 0.7), torch.tensor([0, 1]))
    small = resized(batch, size)
    assert small.inputs.shape == (2, 1, size, round(24 * size / 16))
    torch.testing.assert_close(small.inputs, torch.full_like(small.inputs, 0.7))
    assert small.labels is batch.labels


def test_halving_takes_means_and_not_every_second_pixel() -> None:
    stripes = torch.zeros(1, 1, 16, 16)
    stripes[..., ::2] = 1.0
    small = resized(Batch(stripes, torch.tensor([0])), 8).inputs
    torch.testing.assert_close(small[..., 1:-1], torch.full((1, 1, 8, 6), 0.5))


@pytest.mark.parametrize(
    ("sizes", "data", "says"),
    [
        ((8, 17), SPEC, "progressive_sizes: got 8 17, allowed: sizes that rise to the images' own, which is 16"),
        ((8, 12), SPEC, "progressive_sizes: got 8 12, allowed: sizes that rise to the images' own, which is 16"),
        ((12, 8, 16), SPEC, "progressive_sizes: got 12 8 16, allowed: sizes that rise"),
        ((8, 16), replace(SPEC, rank=1, shape=(6,), vocabulary=9), "got 8 16, allowed: none.*'images' holds texts"),
    ],
)
def test_what_does_not_suit_the_data(sizes: tuple[int, ...], data: DataSpec, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check_training_settings(TrainingSettings(progressive_sizes=sizes), data)
    check_training_settings(TrainingSettings(), data)
    check_training_settings(TrainingSettings(progressive_sizes=(8, 8, 16)), SPEC)


def test_a_size_without_pixels_is_refused() -> None:
    with pytest.raises(ConfigError, match="progressive_sizes: got 0, allowed: 1 or more"):
        TrainingSettings(progressive_sizes=(8, 0))


def test_the_seconds_of_an_example_are_those_of_all_its_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were only the first, smallest size measured, a promise of minutes would be broken."""
    architecture = Architecture(CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),)),)), Skeleton(channels=4, cells=1))
    seen: list[int] = []
    forward = Network.forward

    def note(network: Network, inputs: Tensor, *rest: Tensor) -> Tensor:
        seen.append(inputs.shape[2])
        return forward(network, inputs, *rest)

    monkeypatch.setattr(Network, "forward", note)
    settings = TrainingSettings(batch_size=4, progressive_sizes=(8, 12, 16))
    assert seconds_per_example(architecture, SPEC, images(), settings, CPU).training > 0
    assert {size: seen.count(size) for size in seen} == {8: STEPS + 1, 12: STEPS + 1, 16: STEPS + 1}


def test_scoring_is_measured_at_the_images_own_size(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {(8,): 1.0, (12,): 2.0, (): 6.0}

    def known(*asked: object) -> float:
        settings = asked[3]
        assert isinstance(settings, TrainingSettings)
        return seconds[settings.progressive_sizes]

    monkeypatch.setattr("neat_deep.training.timing._training_seconds", known)
    architecture = Architecture(CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),)),)), Skeleton(channels=4, cells=1))
    settings = TrainingSettings(batch_size=4, progressive_sizes=(8, 12, 16))
    measured = seconds_per_example(architecture, SPEC, images(), settings, CPU)
    assert measured == (pytest.approx(3.0), pytest.approx(PASS_SHARE * 6.0))
