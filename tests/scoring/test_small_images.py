"""Fitness on images that are made smaller: `[Fitness] image_size`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from neat_deep.base.errors import ConfigError
from neat_deep.data import Augmentation, Dataset
from neat_deep.networks.network import Network
from neat_deep.scoring.executors import WorkerPool
from neat_deep.scoring.scorer import Scorer
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.scoring.short_training import short_training
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.settings import TrainingSettings
from tests.support.toy_data import dataset

SKELETON = Skeleton(channels=4, cells=1)
ARCHITECTURE = Architecture(CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),)),)), SKELETON)


def side(data: Dataset) -> int:
    return min(data.spec.shape[1:])


def test_networks_are_trained_and_scored_on_small_images(monkeypatch: pytest.MonkeyPatch) -> None:
    data, sides = dataset(), set()
    forward = Network.forward

    def note(network: Network, inputs: Tensor, *rest: Tensor) -> Tensor:
        sides.add(min(inputs.shape[2:]))
        return forward(network, inputs, *rest)

    monkeypatch.setattr(Network, "forward", note)
    large = Scorer(data, FitnessSettings(metrics=("macs",)), skeleton=SKELETON).score_architecture(ARCHITECTURE)
    assert sides == {side(data)}
    sides.clear()
    small = FitnessSettings(metrics=("macs",), image_size=side(data) // 2, train_subset=20, validation_subset=10)
    score = Scorer(data, small, skeleton=SKELETON).score_architecture(ARCHITECTURE)
    assert sides == {side(data) // 2}
    assert score.metrics["macs"] < large.metrics["macs"] / 3  # the costs are those of the network that is scored


def test_two_processes_score_as_one() -> None:
    data = dataset()
    fitness = FitnessSettings(image_size=side(data) // 2, epochs=2)
    here = Scorer(data, fitness, skeleton=SKELETON).score_architecture(ARCHITECTURE)
    there = Scorer(data, fitness, skeleton=SKELETON)
    with closing(WorkerPool(there.evaluate, 2, threads=1)) as pool:
        there.use(pool)
        assert there.score_architecture(ARCHITECTURE).metrics == here.metrics


def test_data_of_a_class_of_its_own_cannot_be_made_smaller() -> None:
    """Which cannot be known before, so it is said when the search begins."""

    class Own:
        labels = torch.zeros(4, dtype=torch.int64)

        def __len__(self) -> int:
            return 4

    own = replace(dataset(), train=Own(), validation=Own())
    with pytest.raises(
        ConfigError, match="image_size: the data set 'stripes' is read by a class of its own; allowed: 0"
    ):
        Scorer(own, FitnessSettings(image_size=3), skeleton=SKELETON)


def test_augmentation_in_pixels_becomes_smaller_with_the_images() -> None:
    data = dataset()
    full = TrainingSettings(augmentation=Augmentation(shift=4, erase=3, rotate=15, scale=0.1, flip=True))
    short = short_training(FitnessSettings(augment=True, image_size=side(data) // 2), full, data)
    assert short.training.augmentation == Augmentation(shift=2, erase=2, rotate=15, scale=0.1, flip=True)
    least = replace(full, augmentation=Augmentation(shift=1, erase=1))  # half a pixel is not none
    assert short_training(FitnessSettings(augment=True, image_size=3), least, data).training.augmentation.shift == 1
    assert short_training(FitnessSettings(augment=True), full, data).training.augmentation == full.augmentation
    assert torch.equal(short.dataset.train.labels, data.train.labels)


def test_the_final_trainings_sizes_are_its_own() -> None:
    """A short training has one size: with rungs, each would begin with the small ones again."""
    full = TrainingSettings(progressive_sizes=(4, 8))
    assert FitnessSettings().training(full).progressive_sizes == ()
    assert FitnessSettings(finalists=2).finalist_training(full).progressive_sizes == (4, 8)


def test_a_size_that_the_images_do_not_have() -> None:
    data = dataset()
    fitness = replace(FitnessSettings(), image_size=side(data) + 1)
    with pytest.raises(ConfigError, match=f"image_size: got {side(data) + 1}, allowed: 1 to {side(data)}"):
        Scorer(data, fitness, skeleton=SKELETON)
    with pytest.raises(ConfigError, match="image_size: got -1, allowed: 0 or more"):
        FitnessSettings(image_size=-1)
