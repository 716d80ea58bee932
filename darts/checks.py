"""Whether a search by gradient descent suits a network and a data set, asked before anything is built."""

from __future__ import annotations

from darts.bilevel_split import bilevel_split
from darts.settings import DartsSettings
from neat_deep.base.errors import ConfigError
from neat_deep.data import Dataset
from neat_deep.networks.suitability import check_ngrams, check_op, check_ops
from neat_deep.space.architecture import Skeleton


def check_search(settings: DartsSettings, skeleton: Skeleton, dataset: Dataset) -> None:
    """Raise `ConfigError` or `DataError` for settings that are possible, but not with this network or data set.

    `ArchitectureError` for n-grams that the final network could not have: the supernet may do without.
    """
    check_ngrams(skeleton, dataset.spec)
    space, rank = settings.space(), dataset.spec.rank
    check_ops(space.real_ops, rank)
    narrow = settings.skeleton(skeleton)
    for cell in range(narrow.cells):
        channels = narrow.channels_of_cell(cell)
        if channels % settings.partial_channels:
            raise ConfigError(
                f"partial_channels: got {settings.partial_channels}, allowed: a divisor of every cell's channels"
                f" (cell {cell + 1} has {channels})"
            )
        for width in (channels // settings.partial_channels, skeleton.channels_of_cell(cell)):
            for op in space.real_ops:
                check_op(op, rank, width)
    if settings.compile and rank != 2:
        raise ConfigError("compile: got True, allowed for texts: False; their lengths would be compiled one by one")
    if 0 < settings.train_subset < 2 * dataset.spec.num_classes:
        raise ConfigError(
            f"train_subset: got {settings.train_subset}, allowed: 0 (all), or {2 * dataset.spec.num_classes}"
            " (two of each class) or more"
        )
    bilevel_split(dataset.train, settings, 0)
