"""Whether an experiment's settings suit the data set that they are for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from neat_deep.base.errors import ConfigError, beginning, in_section
from neat_deep.base.registry import resolve
from neat_deep.config.experiment_file import Experiment
from neat_deep.config.stored_settings import AnyExperiment, skeleton_options_of
from neat_deep.config.strategy_experiment import SPACE, StrategyExperiment
from neat_deep.data import DataSpec
from neat_deep.data.images.smaller import smaller_spec
from neat_deep.evolution.expression import seed_architecture
from neat_deep.networks.suitability import (
    check_augmentation,
    check_ops,
    check_ops_of_dataset,
    check_skeleton,
    check_skeleton_options,
    check_widths,
)
from neat_deep.scoring.executors import AUTO, check_workers
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.strategies.registry import START, STRATEGIES
from neat_deep.strategies.starts import Start, StartSkeleton, start_skeleton, whole_start, without_gates
from neat_deep.strategies.strategy import CanBeScreened, Strategy, StrategyContext
from neat_deep.training.suitability import check_training_settings


def check_experiment(
    experiment: AnyExperiment, data: DataSpec, *, resume: bool = False, start: Start | None = None
) -> None:
    """Raise `ConfigError` for settings that are possible, but not with this data set or this strategy.

    With `resume` nothing is asked of what only a new run reads, as the file of an architecture to start from. Raises
    `GraphError` for a `start` that the search space cannot hold.
    """
    ops = ops_of(experiment)
    full = _skeleton(experiment, data)
    options = skeleton_options_of(experiment)
    with _in_space(experiment):
        check_ops(ops, data.rank)
        check_skeleton_options(options, ops, full, data)
    if options.channels_options and experiment.fitness.channels:
        raise ConfigError(
            f"[Fitness] channels: got {experiment.fitness.channels}, allowed with channels_options: 0, since the search"
            " decides on the channels"
        )
    with in_section("Network"):
        check_skeleton(full, data)
        check_widths(ops, full)
    with in_section("Fitness"):
        scored = experiment.fitness.skeleton(full)
        check_widths(ops, scored)
        if experiment.fitness.image_size:
            small = smaller_spec(data, experiment.fitness.image_size)
            with beginning(f"image_size: got {experiment.fitness.image_size}; "):
                check_skeleton(scored, small)
                check_skeleton_options(options, ops, scored, small)
    for key in ("train_subset", "validation_subset"):
        count = getattr(experiment.fitness, key)
        if 0 < count < data.num_classes:
            allowed = f"0 (all), or {data.num_classes} (one of each class) or more"
            raise ConfigError(f"[Fitness] {key}: got {count}, allowed: {allowed}")
    with in_section("Training"):
        if resume:  # earlier versions began runs with what the rest refuses, where it does nothing
            check_augmentation(experiment.training.augmentation, data)
        else:
            check_training_settings(experiment.training, data)
    if isinstance(experiment, StrategyExperiment):
        make_strategy(experiment, full, start)  # it refuses what it cannot search
    if isinstance(experiment, StrategyExperiment) and experiment.search.asynchronous and experiment.fitness.rungs:
        raise ConfigError(
            f"[Fitness] rungs: got {' '.join(map(str, experiment.fitness.rungs))}, allowed with [Search] asynchronous ="
            " True: none, since rungs compare the networks of a generation"
        )
    if experiment.run.workers != AUTO:
        check_workers(experiment.run.workers)
    if isinstance(experiment, StrategyExperiment) and not resume:
        check = STRATEGIES.get(experiment.search.strategy).check
        if check is not None:
            context = _context(experiment, full, start)
            resolve(check)(context, experiment.fitness, experiment.search.generation_size)


def make_strategy(experiment: StrategyExperiment, skeleton: Skeleton, start: Start | None = None) -> Strategy:
    """The strategy of an experiment, at its beginning, which is `start` where there is one.

    Raises what the strategy raises for what it cannot search, and as `check_start`; `ConfigError` for a screen of a
    strategy that was registered as one that can be screened and is none.
    """
    context = _context(experiment, skeleton, start)
    name = experiment.search.strategy
    strategy: Strategy = resolve(STRATEGIES.get(name).make)(context)
    if experiment.search.screen and not isinstance(strategy, CanBeScreened):
        raise ConfigError(
            f"[Search] screen: got {experiment.search.screen}, allowed with strategy = {name}: none, since"
            f" {type(strategy).__name__} has no method screened_out"
        )
    return strategy


def check_ops_before_reading(experiment: AnyExperiment) -> None:
    """Raise `ConfigError` for ops for images and a data set of texts, or the reverse: before these are read."""
    with _in_space(experiment):
        check_ops_of_dataset(ops_of(experiment), experiment.data.dataset)


def check_start(experiment: AnyExperiment, start: Start, data: DataSpec) -> None:
    """Raise `GraphError` for what a search cannot start from, `ConfigError` where it starts from nothing."""
    skeleton = _skeleton(experiment, data)
    if isinstance(experiment, Experiment):
        seed_architecture(neat_start(experiment, start, skeleton), experiment.neat.genome_config, 0)
    else:
        _start_point(experiment, skeleton, start)


def skeleton_of_start(experiment: AnyExperiment, start: Architecture, data: DataSpec) -> StartSkeleton:
    """The skeleton in which a search starts from an architecture, and what to tell the user of it."""
    return start_skeleton(skeleton_options_of(experiment), _skeleton(experiment, data), start.skeleton)


def neat_start(experiment: Experiment, start: Start, skeleton: Skeleton) -> Architecture:
    """The architecture that a search by neat-python starts from, without gates, for genomes that stand in `skeleton`.

    Genomes without motifs can still compute what a cell with motifs does.
    """
    given = whole_start(start, skeleton)
    config = experiment.neat.genome_config
    plain = without_gates(given.cell)
    cell = plain if config.motif_spaces else plain.flat()
    return Architecture(cell, start_skeleton(config.skeletons, skeleton, given.skeleton).skeleton)


def _in_space(experiment: AnyExperiment) -> AbstractContextManager[None]:
    return in_section(SPACE if isinstance(experiment, StrategyExperiment) else "CellGenome")


def _skeleton(experiment: AnyExperiment, data: DataSpec) -> Skeleton:
    """The skeleton of [Network], for these data."""
    return dataclasses.replace(experiment.network, rank=data.rank)


def _context(experiment: StrategyExperiment, skeleton: Skeleton, start: Start | None) -> StrategyContext:
    point = None if start is None else _start_point(experiment, skeleton, start)
    space = experiment.space_settings.space(skeleton)
    return StrategyContext(space, skeleton, experiment.settings, experiment.run.seed, point)


def _start_point(experiment: StrategyExperiment, skeleton: Skeleton, start: Start) -> Any:
    info = STRATEGIES.get(experiment.search.strategy)
    if START not in info.options:
        names = ", ".join(other.name for other in STRATEGIES.values() if START in other.options)
        raise ConfigError(f"start: got a cell, which the strategy '{info.name}' does not start from; allowed: {names}")
    return info.point_of(experiment.space_settings.space(skeleton), whole_start(start, skeleton))


def ops_of(experiment: AnyExperiment) -> Sequence[str]:
    """The names of the ops that a search may choose, `none` among them where it may."""
    if isinstance(experiment, Experiment):
        options: list[str] = experiment.neat.genome_config.plain_op_options
        return options
    return experiment.space_settings.cells().ops
