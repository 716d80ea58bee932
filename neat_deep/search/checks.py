"""Whether an experiment's settings suit the data set that they are for."""

from __future__ import annotations

import itertools

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ArchitectureError, ConfigError, NeatDeepError
from neat_deep.config.experiment_file import Experiment
from neat_deep.data import Augmentation, DataSpec
from neat_deep.data.augmentation import check_augmentation as suit_rank
from neat_deep.networks.network import check_op, check_reductions
from neat_deep.ops import get_op, list_ops
from neat_deep.scoring.executors import check_workers
from neat_deep.space.architecture import RANK_NAMES
from neat_deep.space.cell_graph import NONE


def check_experiment(experiment: Experiment, data: DataSpec) -> None:
    """Raise `ConfigError` for settings that are possible, but not with this data set."""
    check_ops(experiment, data.rank)
    try:
        check_reductions(experiment.network, data)
    except ArchitectureError as error:
        raise ConfigError(f"[Network] {error}") from None
    check_widths(experiment, data.rank)
    for key in ("train_subset", "validation_subset"):
        count = getattr(experiment.fitness, key)
        if 0 < count < data.num_classes:
            allowed = f"0 (all), or {data.num_classes} (one of each class) or more"
            raise ConfigError(f"[Fitness] {key}: got {count}, allowed: {allowed}")
    check_augmentation(experiment.training.augmentation, data)
    check_workers(experiment.run.workers)


def check_ops(experiment: Experiment, rank: int) -> None:
    """Raise `ConfigError` for an op in `op_options` that does not support the data's rank."""
    for name in experiment.neat.genome_config.op_options:
        if name != NONE and rank not in get_op(name).ranks:
            raise ConfigError(
                f"[CellGenome] op_options: got '{name}', which does not support the {RANK_NAMES[rank]} of this"
                f" data set; allowed: {', '.join([*list_ops(rank), NONE])}"
            )


def check_widths(experiment: Experiment, rank: int) -> None:
    """Raise what an op of `op_options` raises that cannot be built as wide as a cell, in the search or after it."""
    full = experiment.network
    ops = [name for name in experiment.neat.genome_config.op_options if name != NONE]
    for section, skeleton in (("Network", full), ("Fitness", experiment.fitness.skeleton(full))):
        widths = sorted({skeleton.channels_of_cell(cell) for cell in range(skeleton.cells)})
        try:
            for name, width in itertools.product(ops, widths):
                check_op(name, rank, width)
        except NeatDeepError as error:
            raise ConfigError(f"[{section}] channels: {error}") from None


def check_augmentation(augmentation: Augmentation, data: DataSpec) -> None:
    """Raise `ConfigError` for what is not for such examples, or does not fit the data's images."""
    try:
        suit_rank(augmentation, data.rank)
    except ConfigError as error:
        holds = f"the data set '{data.name}' holds {'texts' if data.rank == 1 else 'images'}"
        raise ConfigError(f"[Training] augmentation_{error}; {holds}") from None
    for key in ("shift", "erase"):
        pixels = getattr(augmentation, key)
        if pixels:
            check_range(f"[Training] augmentation_{key}", pixels, low=0, high=min(data.shape[1:]) - 1)
