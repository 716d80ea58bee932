"""The best networks of a search trained again: in full width, longer and from other weights, scored on validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from neat_deep.base.randomness import derive_seed
from neat_deep.data import Dataset
from neat_deep.scoring.executors import Executor, InProcess, WorkerDied
from neat_deep.scoring.job import Evaluator, Job, JobResult, Limits, Stage
from neat_deep.scoring.scores import RAISED, SCORED
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Architecture
from neat_deep.training.settings import TrainingSettings


@dataclass(frozen=True)
class Trial:
    """One training of a finalist from weights of its own, the `number`-th (from 1), scored on all validation examples.

    `metrics` are empty where it failed, and `reason` then says why.
    """

    digest: str
    number: int
    status: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    samples: int = 0
    seconds: float = 0.0
    reason: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether it gave no score."""
        return self.status != SCORED


class FinalistTrainer:
    """Trains architectures as `[Training]` says, for `[Fitness] finalist_epochs`, on the search's training examples.

    A trial depends on the run's seed, the architecture and its number alone.
    """

    def __init__(
        self,
        dataset: Dataset,
        fitness: FitnessSettings,
        training: TrainingSettings,
        *,
        device: torch.device,
        seed: int,
    ) -> None:
        settings = fitness.finalist_training(training)
        self._epochs = settings.epochs
        self._seed = seed
        self.evaluate = Evaluator(
            dataset.train,
            dataset.validation,
            dataset.spec,
            settings,
            device,
            vectors=dataset.vectors,
            metrics=fitness.measured_metrics(),
        )
        self._executor: Executor[Job, JobResult] = InProcess(self.evaluate)

    def use(self, executor: Executor[Job, JobResult]) -> None:
        """Train there from now on; it must do jobs as `self.evaluate` does."""
        self._executor = executor

    def train(
        self, trainings: Sequence[tuple[str, int, Architecture]], deadline: float | None = None
    ) -> Iterator[Trial]:
        """Train architectures, given by digest and number; yields trials as they end. At `deadline` the rest stop."""
        jobs = [self._job(digest, number, architecture, deadline) for digest, number, architecture in trainings]
        numbers = {job.key: (digest, number) for job, (digest, number, _) in zip(jobs, trainings, strict=True)}
        for job, result in self._executor.run(jobs):
            digest, number = numbers[job.key]
            if isinstance(result, WorkerDied):
                yield Trial(digest, number, RAISED, reason=result.reason)
            else:
                outcome = result.status, result.metrics if result.status == SCORED else {}
                yield Trial(digest, number, *outcome, result.samples, result.seconds, result.reason)

    def _job(self, digest: str, number: int, architecture: Architecture, deadline: float | None) -> Job:
        name = f"finalist {number}"
        return Job(
            key=f"{digest} {name}",
            rung=0,
            architecture=architecture,
            weights_seed=derive_seed(self._seed, digest, name, "weights"),
            stages=(Stage(self._epochs, derive_seed(self._seed, digest, name, "training")),),
            limits=Limits(deadline=deadline),
        )


def mean_objective(trials: Sequence[Trial], fitness: FitnessSettings) -> float | None:
    """What a finalist is worth: the mean of its trials' objectives; None without trials, and where one failed."""
    worth = fitness.worth()
    try:
        values = [worth(trial.metrics) for trial in trials if not trial.has_failed]
    except Exception:  # noqa: BLE001 - a user's objective may raise anything; it costs this finalist only
        return None
    return sum(values) / len(values) if values and len(values) == len(trials) else None
