"""A small image data set that a network learns in a second: one bright row or column tells the class."""

from __future__ import annotations

from typing import Any

import torch

from neat_deep.data import Dataset, DataSpec, ImageSplit
from neat_deep.evolution.fitness import FitnessEvaluator
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Skeleton
from neat_deep.training.settings import TrainingSettings

SPEC = DataSpec("stripes", 2, 2, ("row", "column"), (1, 6, 6), (0.3,), (0.3,))


def stripes(count: int, seed: int) -> ImageSplit:
    """`count` noisy 6x6 images, half of them with a bright row, half with a bright column."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 120, (count, 1, 6, 6), generator=generator, dtype=torch.uint8)
    labels = torch.arange(count) % 2
    places = torch.randint(0, 6, (count,), generator=generator)
    for index in range(count):
        if labels[index] == 0:
            images[index, 0, places[index], :] = 220
        else:
            images[index, 0, :, places[index]] = 220
    return ImageSplit(images, labels, SPEC)


def dataset(train: int = 96, validation: int = 40) -> Dataset:
    """The three splits."""
    return Dataset(SPEC, stripes(train, 0), stripes(validation, 1), lambda: stripes(60, 2))


def evaluator(settings: FitnessSettings, *, channels: int = 4, **options: Any) -> FitnessEvaluator:
    """What scores genomes on these images, with networks of one narrow cell; `options` are the evaluator's own."""
    skeleton = Skeleton(channels=channels, cells=1)
    return FitnessEvaluator(
        dataset(), skeleton, TrainingSettings(), settings, device=torch.device("cpu"), seed=3, **options
    )
