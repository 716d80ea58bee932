"""What a search trains on, and how, in the place of the whole data and the final training."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from neat_deep.data import Dataset
from neat_deep.data.images.smaller import smaller_images
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.training.settings import TrainingSettings


class ShortTraining(NamedTuple):
    """A cheap stand-in for the final training, that ranks networks alike."""

    dataset: Dataset
    training: TrainingSettings


def short_training(fitness: FitnessSettings, full: TrainingSettings, dataset: Dataset) -> ShortTraining:
    """The training of `[Fitness]`, its images of the size that it says; `dataset` keeps all its examples.

    Augmentations in pixels become smaller with the images. Raises `ConfigError` where images of that size cannot be.
    """
    training = fitness.training(full)
    if not fitness.image_size:
        return ShortTraining(dataset, training)
    small = smaller_images(dataset, fitness.image_size)
    share = small.spec.shape[1] / dataset.spec.shape[1]
    return ShortTraining(small, dataclasses.replace(training, augmentation=training.augmentation.scaled(share)))
