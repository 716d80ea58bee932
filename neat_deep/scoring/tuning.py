"""Learning rate, weight decay and channels of a final training, chosen by successive halving on the validation part."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from neat_deep.base.errors import ConfigError
from neat_deep.base.randomness import derive_seed
from neat_deep.data import Dataset, DataSpec
from neat_deep.networks.cost import count_macs, count_parameters
from neat_deep.networks.network import build_network
from neat_deep.scoring.executors import Executor, InProcess, WorkerDied
from neat_deep.scoring.job import BROKEN_OFF, Evaluator, Job, JobResult, Limits, Stage
from neat_deep.scoring.rungs import Ladder
from neat_deep.scoring.scores import RAISED, SCORED
from neat_deep.scoring.tuning_settings import FACTORS, TuningSettings
from neat_deep.space.architecture import Architecture
from neat_deep.training.settings import TrainingSettings


@dataclass(frozen=True)
class Choice:
    """A network with settings of its training, tried together."""

    architecture: Architecture
    learning_rate: float
    weight_decay: float

    def training(self, full: TrainingSettings) -> TrainingSettings:
        """`full` with these settings in place."""
        return dataclasses.replace(full, learning_rate=self.learning_rate, weight_decay=self.weight_decay)


@dataclass(frozen=True)
class TuningTrial:
    """One training of the choice with the number `choice` (from 0), for the epochs of a rung, scored on validation.

    `accuracy` (0..1) and `loss` are 0 where the training failed, and `reason` then says why.
    """

    choice: int
    rung: int
    epochs: int
    status: str
    accuracy: float = 0.0
    loss: float = 0.0
    samples: int = 0
    seconds: float = 0.0
    reason: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether it gave no score."""
        return self.status != SCORED


def draw_choices(
    architectures: Sequence[Architecture],
    training: TrainingSettings,
    settings: TuningSettings,
    data: DataSpec,
    seed: int,
) -> tuple[Choice, ...]:
    """The choices that begin: each network as it is, where that is allowed, then others by chance, each once.

    Raises `ConfigError` where all networks are larger than allowed.
    """
    rates = settings.learning_rates or tuple(training.learning_rate * factor for factor in FACTORS)
    decays = settings.weight_decays or tuple(dict.fromkeys(training.weight_decay * factor for factor in FACTORS))
    networks = {
        network.digest(): network
        for architecture in architectures
        for network in _widths(architecture, settings)
        if _is_small_enough(network, data, settings)
    }
    if not networks:
        limits = [(name, getattr(settings, name)) for name in ("max_parameters", "max_macs")]
        allowed = " and ".join(f"{name} = {limit}" for name, limit in limits if limit)
        raise ConfigError(f"channels: every network is larger than {allowed} allow")
    every = [Choice(*parts) for parts in itertools.product(networks.values(), rates, decays)]
    own = {architecture.digest() for architecture in architectures}
    unchanged = [
        choice for choice in every if choice.architecture.digest() in own and choice.training(training) == training
    ]
    others = [choice for choice in every if choice not in unchanged]
    random.Random(derive_seed(seed, "tuning")).shuffle(others)
    return tuple((unchanged + others)[: settings.trials])


def best_choice(choices: Sequence[Choice], trials: Sequence[TuningTrial]) -> tuple[Choice, TuningTrial] | None:
    """The best of those that were trained longest, by accuracy and then by loss; None where nothing was scored."""
    scored = [trial for trial in trials if not trial.has_failed]
    if not scored:
        return None
    best = min(scored, key=lambda trial: (-trial.rung, _place(trial)))
    return choices[best.choice], best


class Tuner:
    """Tries choices by successive halving; `training` has what they leave open.

    All settings of one network are tried from the same weights and with the same batches.
    """

    def __init__(
        self, dataset: Dataset, training: TrainingSettings, ladder: Ladder, *, device: torch.device, seed: int
    ) -> None:
        self._training = dataclasses.replace(training, early_stopping=0)
        self._ladder = ladder
        self._seed = seed
        self.evaluate = Evaluator(
            dataset.train, dataset.validation, dataset.spec, self._training, device, vectors=dataset.vectors
        )
        self._executor: Executor[Job, JobResult] = InProcess(self.evaluate)

    def use(self, executor: Executor[Job, JobResult]) -> None:
        """Train there from now on; it must do jobs as `self.evaluate` does."""
        self._executor = executor

    def run(
        self, choices: Sequence[Choice], known: Sequence[TuningTrial] = (), deadline: float | None = None
    ) -> Iterator[TuningTrial]:
        """Yield the trials that are not `known` yet, as they end; at `deadline`, of `time.time()`, the rest stop."""
        trials = {(trial.choice, trial.rung): trial for trial in known}
        standing = list(range(len(choices)))
        for rung in range(len(self._ladder.epochs)):
            missing = [number for number in standing if (number, rung) not in trials]
            jobs = [self._job(number, choices[number], rung, deadline) for number in missing]
            numbers = {job.key: number for job, number in zip(jobs, missing, strict=True)}
            for job, result in self._executor.run(jobs):
                trial = self._trial(numbers[job.key], rung, result)
                if trial.status != BROKEN_OFF:
                    trials[trial.choice, rung] = trial
                    yield trial
            if any((number, rung) not in trials for number in standing):  # the time was spent
                return
            ranked = sorted((trials[number, rung] for number in standing), key=_place)
            promoted = self._ladder.promoted(
                [None if trial.has_failed else -place for place, trial in enumerate(ranked)]
            )
            standing = sorted(ranked[place].choice for place in promoted)

    def _job(self, number: int, choice: Choice, rung: int, deadline: float | None) -> Job:
        of = choice.architecture.digest(), "tuning", str(rung)
        return Job(
            key=f"{number} {rung}",
            rung=rung,
            architecture=choice.architecture,
            weights_seed=derive_seed(self._seed, *of, "weights"),
            stages=(Stage(self._ladder.epochs[rung], derive_seed(self._seed, *of, "training")),),
            limits=Limits(deadline=deadline),
            training=choice.training(self._training),
        )

    def _trial(self, number: int, rung: int, result: JobResult | WorkerDied) -> TuningTrial:
        epochs = self._ladder.epochs[rung]
        if isinstance(result, WorkerDied):
            return TuningTrial(number, rung, epochs, RAISED, reason=result.reason)
        metrics = result.metrics if result.status == SCORED else {}
        return TuningTrial(
            number,
            rung,
            epochs,
            result.status,
            accuracy=metrics.get("accuracy", 0.0),
            loss=metrics.get("loss", 0.0),
            samples=result.samples,
            seconds=result.seconds,
            reason=result.reason,
        )


def _place(trial: TuningTrial) -> tuple[bool, float, float, int]:
    """Less is better: accuracies of short trainings are often alike, and then the loss tells them apart."""
    return trial.has_failed, -trial.accuracy, trial.loss, trial.choice


def _widths(architecture: Architecture, settings: TuningSettings) -> list[Architecture]:
    """The network with its own channels, or with each of those that are to be tried."""
    skeletons = [dataclasses.replace(architecture.skeleton, channels=count) for count in settings.channels]
    return [dataclasses.replace(architecture, skeleton=skeleton) for skeleton in skeletons] or [architecture]


def _is_small_enough(architecture: Architecture, data: DataSpec, settings: TuningSettings) -> bool:
    if not settings.max_parameters and not settings.max_macs:
        return True
    network = build_network(architecture, data, seed=0)
    if settings.max_parameters and count_parameters(network) > settings.max_parameters:
        return False
    return not settings.max_macs or count_macs(network, data) <= settings.max_macs
