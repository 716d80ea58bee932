"""Whether an experiment's settings suit the data set that they are for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from neat_deep.base.errors import ConfigError, in_section
from neat_deep.base.registry import resolve
from neat_deep.config.experiment_file import Experiment
from neat_deep.config.stored_settings import AnyExperiment
from neat_deep.config.strategy_experiment import SPACE, StrategyExperiment
from neat_deep.data import DataSpec
from neat_deep.networks.suitability import check_augmentation, check_ops, check_reductions, check_widths
from neat_deep.scoring.executors import AUTO, check_workers
from neat_deep.space.architecture import Skeleton
from neat_deep.strategies.registry import STRATEGIES
from neat_deep.strategies.strategy import Strategy, StrategyContext


def check_experiment(experiment: AnyExperiment, data: DataSpec, *, resume: bool = False) -> None:
    """Raise `ConfigError` for settings that are possible, but not with this data set or this strategy.

    With `resume` nothing is asked of what only a new run reads, as the file of an architecture to start from.
    """
    ops = ops_of(experiment)
    full = dataclasses.replace(experiment.network, rank=data.rank)
    with in_section(SPACE if isinstance(experiment, StrategyExperiment) else "CellGenome"):
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
    if isinstance(experiment, StrategyExperiment):
        make_strategy(experiment, full)  # it refuses what it cannot search
    if experiment.run.workers != AUTO:
        check_workers(experiment.run.workers)
    if isinstance(experiment, StrategyExperiment) and not resume:
        check = STRATEGIES.get(experiment.search.strategy).check
        if check is not None:
            context = StrategyContext(experiment.space, full, experiment.settings, experiment.run.seed)
            resolve(check)(context, experiment.fitness, experiment.search.generation_size)


def make_strategy(experiment: StrategyExperiment, skeleton: Skeleton) -> Strategy:
    """The strategy of an experiment, at its beginning; raises what the strategy raises for what it cannot search."""
    context = StrategyContext(experiment.space, skeleton, experiment.settings, experiment.run.seed)
    strategy: Strategy = resolve(STRATEGIES.get(experiment.search.strategy).make)(context)
    return strategy


def ops_of(experiment: AnyExperiment) -> Sequence[str]:
    """The names of the ops that a search may choose, `none` among them where it may."""
    if isinstance(experiment, Experiment):
        options: list[str] = experiment.neat.genome_config.op_options
        return options
    return experiment.space.ops
