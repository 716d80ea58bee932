"""Whether an experiment's settings suit the data set that they are for."""

from __future__ import annotations

from neat_deep.base.errors import ConfigError, in_section
from neat_deep.config.experiment_file import Experiment
from neat_deep.data import DataSpec
from neat_deep.networks.suitability import check_augmentation, check_ops, check_reductions, check_widths
from neat_deep.scoring.executors import check_workers


def check_experiment(experiment: Experiment, data: DataSpec) -> None:
    """Raise `ConfigError` for settings that are possible, but not with this data set."""
    ops = experiment.neat.genome_config.op_options
    full = experiment.network
    with in_section("CellGenome"):
        check_ops(ops, data.rank)
    with in_section("Network"):
        check_reductions(full, data)
        check_widths(ops, full)
    with in_section("Fitness"):
        check_widths(ops, experiment.fitness.skeleton(full))
    for key in ("train_subset", "validation_subset"):
        count = getattr(experiment.fitness, key)
        if 0 < count < data.num_classes:
            allowed = f"0 (all), or {data.num_classes} (one of each class) or more"
            raise ConfigError(f"[Fitness] {key}: got {count}, allowed: {allowed}")
    with in_section("Training"):
        check_augmentation(experiment.training.augmentation, data)
    check_workers(experiment.run.workers)
