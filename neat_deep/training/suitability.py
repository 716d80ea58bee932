"""Which settings of a training suit which data."""

from __future__ import annotations

from neat_deep.data import DataSpec
from neat_deep.networks.suitability import check_augmentation, check_frozen_vectors
from neat_deep.training.mixing import check_mixing
from neat_deep.training.progressive import check_sizes
from neat_deep.training.settings import TrainingSettings


def check_training_settings(settings: TrainingSettings, data: DataSpec) -> None:
    """Raise `ConfigError` for settings that are not for such examples, or do not fit the data's images."""
    check_augmentation(settings.augmentation, data)
    check_frozen_vectors(settings.frozen_vectors, data)
    check_sizes(settings.progressive_sizes, data)
    check_mixing(settings, data)
