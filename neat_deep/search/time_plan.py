"""A promise of minutes for a whole run, shared out between the search and the final training."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from neat_deep.base.devices import computing_with
from neat_deep.base.errors import ConfigError
from neat_deep.base.memory import lacked_memory
from neat_deep.config.stored_settings import AnyExperiment
from neat_deep.data import Dataset
from neat_deep.reports.summary import GenerationSummary, SearchListener
from neat_deep.scoring.budget import Budget
from neat_deep.scoring.job import THREADS
from neat_deep.scoring.scores import Score
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.scoring.short_training import short_training
from neat_deep.search.checks import ops_of
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import NONE, CellGraph, CellNode, Edge
from neat_deep.training.fit import Progress
from neat_deep.training.retraining import retraining_data
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.timing import PASS_SHARE, seconds_per_example

FINISH_SECONDS = 5.0  # for pictures and tables after the search
LONGEST_SHARE = 0.5  # of the time that the final training may claim before the search ends
# What it has in any case, but no more than a tenth of the time: on a few images an epoch takes next to no time, and
# where other programs run, the start of the training takes longer than all of its epochs.
LEAST_SECONDS, LEAST_SHARE = 20.0, 0.1
FINALISTS_SHARE = 0.25  # of the time that finalists may claim


def training_seconds(left: float, remaining: int) -> float:
    """What each of `remaining` final trainings may take of the seconds that are `left`."""
    return max(1.0, (left - FINISH_SECONDS / 2) / remaining)


@dataclass(frozen=True)
class Pace:
    """Seconds that the parts of a run take for a typical network, as measured before the search.

    `evaluation_example` is one example's training in an evaluation, `epoch` one epoch of the final training, `test` the
    score on the test set. `validated` examples score an evaluation.
    """

    evaluation_example: float
    evaluation: float
    epoch: float
    test: float
    validated: int = 0

    def evaluation_of(self, samples: int) -> float:
        """The seconds of an evaluation that trains on so many examples."""
        return _evaluation_seconds(self.evaluation_example, samples, self.validated)


def _evaluation_seconds(example: float, trained: int, validated: int) -> float:
    return example * (trained + PASS_SHARE * validated)


@dataclass(frozen=True)
class Plan:
    """What a run may spend: the search's budget, and who must hear of its scores to keep the time."""

    budget: Budget
    time: TimePlan | None = None

    @property
    def listeners(self) -> tuple[SearchListener, ...]:
        """The time's plan, where there is one."""
        return () if self.time is None else (self.time,)

    def left_for_training(self, remaining: int) -> float | None:
        """Seconds that one of `remaining` final trainings may take, None without a limit."""
        return None if self.time is None else self.time.left_for_training(remaining)


def plan_time(
    experiment: AnyExperiment,
    dataset: Dataset,
    *,
    device: torch.device,
    started: float,
    spent: float = 0.0,
    repeats: int = 1,
) -> Plan:
    """The budget of a run, with its share of `[Run] minutes` where that is set.

    `started` is the point of `time.time()` at which the run began, `spent` the seconds of earlier processes, `repeats`
    the number of final trainings. Raises `ConfigError`, which begins with `minutes`, for too few.
    """
    run = experiment.run
    budget = Budget(evaluations=run.evaluations or None, samples=run.samples or None)
    if not run.minutes:
        return Plan(budget)
    plan = TimePlan(run.minutes, started=started, spent=spent)
    skeleton = dataclasses.replace(experiment.network, rank=dataset.spec.rank)
    ops = [op for op in ops_of(experiment) if op != NONE]
    fitness = experiment.fitness
    try:
        pace = measure_pace(ops, dataset, skeleton, experiment.training, fitness, device=device)
    except Exception as error:
        if lacked_memory(error) is not None:
            raise
        first, second = (edge.op for edge in _typical_cell(ops).nodes[0].edges)
        raise ConfigError(
            f"minutes: what a network takes cannot be measured, since one with the ops {first} and {second} raised"
            f" {type(error).__name__}: {error}"
        ) from error
    finalist_epochs = fitness.finalists * fitness.finalist_seeds * fitness.finalist_training(experiment.training).epochs
    plan.open(budget, pace, epochs=experiment.training.epochs, repeats=repeats, finalist_epochs=finalist_epochs)
    return Plan(budget, plan)


class TimePlan:
    """Keeps the promise that a run ends within `minutes` of `started`, a point of `time.time()`.

    `spent` are the seconds that the run took in earlier processes. It listens to the search: a new best network changes
    how long the final training would take, and with it when the search must end.
    """

    def __init__(self, minutes: float, *, started: float, spent: float = 0.0) -> None:
        self.minutes = minutes
        self.end = started + 60 * minutes - spent
        self._spent = spent
        self._started = started
        self._budget: Budget | None = None
        self._pace: Pace | None = None
        self._epochs = self._repeats = 1
        self._finalist_epochs = 0

    def open(self, budget: Budget, pace: Pace, *, epochs: int, repeats: int, finalist_epochs: int = 0) -> None:
        """Let `budget` end in time for a final training of up to `epochs` epochs, `repeats` times.

        Before it come `finalist_epochs` epochs of finalists in all.

        Raises `ConfigError`, with the least that would do, for a time in which no evaluation and no epoch fit.
        """
        start_up = time.time() - self._started
        needed = pace.evaluation + repeats * (pace.epoch + pace.test) + FINISH_SECONDS
        if time.time() + needed > self.end:
            least = math.ceil((start_up + self._spent + needed) / 6) / 10
            spent = f"the run has taken {self._spent:.0f} s before, " if self._spent else ""
            raise ConfigError(
                f"minutes: got {self.minutes:g}, allowed: {least:.1f} or more ({spent}start-up took {start_up:.0f} s, "
                f"one evaluation takes about {pace.evaluation:.0f} s, one epoch of the final training "
                f"{pace.epoch:.0f} s)"
            )
        self._budget, self._pace, self._epochs, self._repeats = budget, pace, epochs, repeats
        self._finalist_epochs = finalist_epochs
        budget.deadline = self.end - repeats * (pace.epoch + pace.test) - FINISH_SECONDS
        self._plan(pace.epoch, pace.test)

    def left_for_training(self, remaining: int) -> float:
        """Seconds that one of `remaining` final trainings may take, its score on the test set included."""
        return training_seconds(self.end - time.time(), remaining)

    def _plan(self, epoch: float, test: float) -> None:
        """End the search when only finalists and the final training of a network of this pace still fit."""
        assert self._budget is not None
        total_seconds = 60 * self.minutes
        least_seconds = min(LEAST_SECONDS, LEAST_SHARE * total_seconds)
        final_seconds = max(self._repeats * (self._epochs * epoch + test), least_seconds)
        self._budget.finalist_deadline = self.end - FINISH_SECONDS - min(final_seconds, LONGEST_SHARE * total_seconds)
        finalist_seconds = min(self._finalist_epochs * epoch, FINALISTS_SHARE * total_seconds)
        self._budget.soft_deadline = self._budget.finalist_deadline - finalist_seconds

    # --- what a search's listener hears ------------------------------------------------------------------------------

    def candidate_scored(self, score: Score, is_best: bool) -> None:
        """Measure the best network's pace by its evaluation, against the typical network's."""
        if is_best:
            self._plan_for(score)

    def generation_started(self, generation: int, candidates: int) -> None:
        """Nothing to plan."""

    def training_progressed(self, progress: Progress) -> None:
        """Nothing to plan."""

    def generation_ended(self, summary: GenerationSummary, best: Score | None) -> None:
        """Nothing to plan."""

    def resumed(self, history: Sequence[GenerationSummary], best: Score | None) -> None:  # noqa: ARG002
        """The best network so far has its pace; the time that was spent is known from the start."""
        if best is not None:
            self._plan_for(best)

    def _plan_for(self, score: Score) -> None:
        if self._pace is not None and score.seconds and score.samples:
            ratio = score.seconds / self._pace.evaluation_of(score.samples)
            self._plan(self._pace.epoch * ratio, self._pace.test * ratio)


def measure_pace(
    ops: Sequence[str],
    dataset: Dataset,
    skeleton: Skeleton,
    training: TrainingSettings,
    fitness: FitnessSettings,
    *,
    device: torch.device,
) -> Pace:
    """The pace of a cell of one node with two of `ops`, at the widths of the search and of the final training."""
    architecture = Architecture(_typical_cell(ops), skeleton)
    task, how = short_training(fitness, training, dataset)
    with computing_with(THREADS):
        example = seconds_per_example(fitness.architecture(architecture), task.spec, task.train, how, device).training
    final_data = retraining_data(dataset, training)
    final = seconds_per_example(architecture, final_data.spec, final_data.train, training, device)
    trained = min(fitness.train_subset or len(dataset.train), len(dataset.train))
    validated = min(fitness.validation_subset or len(dataset.validation), len(dataset.validation))
    return Pace(
        evaluation_example=example,
        evaluation=_evaluation_seconds(example, fitness.epochs * trained, validated),
        validated=validated,
        epoch=final.training * len(final_data.train),
        test=final.scoring * (len(dataset.read_test()) if dataset.has_test else 0),
    )


def _typical_cell(ops: Sequence[str]) -> CellGraph:
    """One node that reads the cell's input through the two ops in the middle of the list."""
    middle = len(ops) // 2
    first, second = ops[middle], ops[middle - 1]
    return CellGraph(1, (CellNode((Edge(0, first, "relu"), Edge(0, second, "relu")), key=0),))
