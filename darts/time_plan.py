"""A promise of minutes for a search by gradient descent and the final training of its cell."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from darts.bilevel import search
from darts.curvature import PASSES
from darts.derivation import Derived
from darts.history import EpochSummary
from darts.perturbation import selection_steps
from darts.settings import BY_PERTURBATION, DartsExperiment, DartsSettings
from neat_deep.base.errors import ConfigError
from neat_deep.data import Augmentation, Dataset
from neat_deep.search.time_plan import FINISH_SECONDS, LONGEST_SHARE, training_seconds
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.retraining import retraining_data
from neat_deep.training.timing import PASS_SHARE, STEPS, seconds_per_example

SLACK = 0.1  # of the whole time that the search may take more than planned, before it ends early


@dataclass(frozen=True)
class DartsPace:
    """Seconds that the parts of a run take.

    `weight_epoch` is an epoch of the search that trains weights alone, `alpha_epoch` one that trains the alphas too,
    `scoring` what the search selects and scores at its end; `final_epoch` an epoch of the final training, `test` its
    score on the test set, both of a typical cell.
    """

    weight_epoch: float
    alpha_epoch: float
    scoring: float
    final_epoch: float
    test: float


@dataclass(frozen=True)
class DartsPlan:
    """How the time of a run is shared out; `end` and `latest` are points of `time.time()`.

    The search has `epochs` epochs, and begins none that would probably end after `latest`.
    """

    epochs: int
    latest: float
    end: float
    scoring: float = 0.0  # seconds that training the cell of one of several searches for its score takes

    def left_for_training(self, remaining: int) -> float:
        """Seconds that one of `remaining` final trainings may take, its score on the test set included."""
        return training_seconds(self.end - time.time(), remaining)


def plan_minutes(
    experiment: DartsExperiment, pace: DartsPace, *, started: float, spent: float, repeats: int, begun: bool
) -> DartsPlan:
    """Share out `[Run] minutes`, which count from `started`, a point of `time.time()`, less `spent` seconds before.

    The search gets at most the epochs that are asked for, and those that fit beside `repeats` final trainings; a search
    that has `begun` keeps its epochs, since its schedules are shaped for them. Raises `ConfigError`, which begins with
    `minutes`, for a time that is too short for the least: an epoch that trains alphas, and one of the final training.
    """
    settings, minutes = experiment.darts, experiment.run.minutes
    end = started + 60 * minutes - spent
    now = time.time()
    weights_alone = settings.weight_epochs * pace.weight_epoch
    several = settings.restarts > 1
    scoring = (settings.restart_epochs or experiment.training.epochs) * pace.final_epoch if several else 0.0
    least_epochs = 1 + len(settings.shrink)  # that train alphas: one for each stage
    least_after = pace.scoring + scoring + repeats * (pace.final_epoch + pace.test) + FINISH_SECONDS
    least_search = weights_alone + least_epochs * pace.alpha_epoch
    needed = least_after + (0.0 if begun else least_search)
    if now + needed > end:
        least = math.ceil((now - started + spent + needed) / 6) / 10
        before = f"the run has taken {spent:.0f} s before, " if spent else ""
        raise ConfigError(
            f"minutes: got {minutes:g}, allowed: {least:.1f} or more ({before}start-up took {now - started:.0f} s, "
            f"{settings.weight_epochs + least_epochs} epochs of the search take about {least_search:.0f} s, "
            f"one epoch of the final training {pace.final_epoch:.0f} s)"
        )
    total_seconds = 60 * minutes
    final_seconds = repeats * (experiment.training.epochs * pace.final_epoch + pace.test)
    search_end = end - FINISH_SECONDS - pace.scoring - min(final_seconds, LONGEST_SHARE * total_seconds)
    epochs = settings.epochs
    if not begun:
        each = (search_end - now) / settings.restarts - weights_alone
        if several:
            each -= pace.scoring + scoring
        fitting = settings.weight_epochs + int(each / pace.alpha_epoch)
        epochs = max(settings.weight_epochs + least_epochs, min(settings.epochs, fitting))
    return DartsPlan(epochs, min(end - least_after, search_end + SLACK * total_seconds), end, scoring)


def measure_darts_pace(experiment: DartsExperiment, dataset: Dataset, device: torch.device) -> DartsPace:
    """The pace of a run, by a few steps of supernets and of a network that are thrown away."""
    settings, training = experiment.darts, experiment.training
    skeleton = dataclasses.replace(experiment.network, rank=dataset.spec.rank)
    used = min(settings.train_subset or len(dataset.train), len(dataset.train))
    weight_examples = used - round(used * settings.alpha_share)
    steps = math.ceil(weight_examples / settings.batch_size)
    parts = settings, skeleton, dataset, training.augmentation, device
    weight_step = _seconds_per_step(*parts, alphas=False)
    alpha_step = _seconds_per_step(*parts, alphas=True)
    watching = PASSES * (alpha_step - weight_step) if settings.stop_eigenvalue_ratio else 0.0
    scored = (2 * len(dataset.validation) + weight_examples) / settings.batch_size
    scoring = PASS_SHARE * weight_step * scored
    if settings.selection == BY_PERTURBATION:
        judged, trained = selection_steps(settings, used - weight_examples)
        scoring += weight_step * (PASS_SHARE * judged + trained)
    final_data = retraining_data(dataset, training)
    final = seconds_per_example(_typical(settings, skeleton), final_data.spec, final_data.train, training, device)
    return DartsPace(
        weight_epoch=weight_step * steps,
        alpha_epoch=alpha_step * steps + watching,
        scoring=scoring,
        final_epoch=final.training * len(final_data.train),
        test=final.scoring * len(dataset.read_test()),
    )


def _seconds_per_step(
    settings: DartsSettings,
    skeleton: Skeleton,
    dataset: Dataset,
    augmentation: Augmentation,
    device: torch.device,
    *,
    alphas: bool,
) -> float:
    """Seconds of a step of a new search: the median over a few, after one that is not timed."""
    epochs = STEPS + 3  # of one step each, where there are few examples
    short = dataclasses.replace(
        settings,
        epochs=epochs,
        weight_epochs=0 if alphas else epochs - 1,
        stop_parameter_free=0,
        stop_eigenvalue_ratio=0.0,
        shrink=(),
    )
    watch = _Stopwatch()
    with contextlib.suppress(_EnoughError):
        search(short, skeleton, dataset, device=device, seed=0, augmentation=augmentation, listeners=[watch])
    return statistics.median(after - before for before, after in itertools.pairwise(watch.times))


class _EnoughError(Exception):
    """The steps that are timed are done."""


class _Stopwatch:
    """Notes when the steps of a search end, and ends it after a few."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def resume(self, history: Sequence[EpochSummary]) -> None:
        """No search that is timed is resumed."""

    def step_done(self, epoch: int, share: float, weight_loss: float, alpha_loss: float | None) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())
        if len(self.times) > STEPS:
            raise _EnoughError

    def epoch_done(self, summary: EpochSummary, derived: Derived) -> None:
        """Epochs are not timed."""


def _typical(settings: DartsSettings, skeleton: Skeleton) -> Architecture:
    """A cell as the search may derive it: each node reads the two states before it, through ops amid the list."""
    space = settings.space()
    middle = len(space.real_ops) // 2
    ops = space.real_ops[middle], space.real_ops[middle - 1]
    nodes = []
    for index in range(space.nodes):
        last = space.num_inputs + index - 1
        sources = last, max(0, last - 1)
        edges = [Edge(source, op, "relu") for source, op in zip(sources, ops, strict=True)]
        nodes.append(CellNode(tuple(edges), space.aggregations[0], key=index))
    return Architecture(CellGraph(space.num_inputs, tuple(nodes), space.output), skeleton)
