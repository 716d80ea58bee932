"""Learning rate, weight decay and channels of a final training, compared on the validation part."""

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
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.scoring.tuning_settings import FACTORS, TuningSettings
from neat_deep.space.architecture import Architecture
from neat_deep.training.settings import TrainingSettings

LEAST = 2  # choices that go on to each rung, where so many did not fail: one alone decides nothing


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

    `objective`, `accuracy` (0..1) and `loss` are 0 where it gave no score, and `reason` then says why.
    """

    choice: int
    rung: int
    epochs: int
    status: str
    objective: float = 0.0
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

    Raises `ConfigError` where all networks are larger than allowed, or there are more of them than trials.
    """
    rates = settings.learning_rates or tuple(training.learning_rate * factor for factor in FACTORS)
    decays = settings.weight_decays or tuple(training.weight_decay * factor for factor in FACTORS)
    wide = [network for architecture in architectures for network in _widths(architecture, settings)]
    different = dict.fromkeys([*architectures, *wide])  # each is built once, to be measured
    small = {network for network in different if _is_small_enough(network, data, settings)}
    unchanged = [Choice(one, training.learning_rate, training.weight_decay) for one in architectures if one in small]
    networks = [network for network in wide if network in small]
    others = [Choice(*parts) for parts in itertools.product(networks, rates, decays)]
    if not small:
        limits = [(name, getattr(settings, name)) for name in ("max_parameters", "max_macs")]
        allowed = " and ".join(f"{name} = {limit}" for name, limit in limits if limit)
        raise ConfigError(f"channels: every network is larger than {allowed} allow")
    if len(unchanged) > settings.trials:
        raise ConfigError(f"trials: got {settings.trials}, allowed: {len(unchanged)} or more, one for each network")
    random.Random(derive_seed(seed, "tuning")).shuffle(others)
    return tuple(dict.fromkeys(unchanged + others))[: settings.trials]


def best_choice(choices: Sequence[Choice], trials: Sequence[TuningTrial]) -> tuple[Choice, TuningTrial] | None:
    """The best of those that were trained longest, by objective and then by loss; None where nothing was scored.

    Settings with which a training failed are never the best: the final training would fail as well.
    """
    failed = {trial.choice for trial in trials if trial.has_failed}
    best = min(
        (trial for trial in trials if trial.choice not in failed),
        key=lambda trial: (-trial.rung, _place(trial)),
        default=None,
    )
    return None if best is None else (choices[best.choice], best)


class Tuner:
    """Tries choices by successive halving; `training` has what they leave open, `fitness` what a network is worth.

    All settings of one network are tried from the same weights and with the same batches. `epochs` are those of each
    rung: the ladder's, but for as many steps as they are in the final training, which has the validation examples to
    train on too. A shorter training would ask for a higher learning rate.
    """

    def __init__(
        self,
        dataset: Dataset,
        training: TrainingSettings,
        fitness: FitnessSettings,
        ladder: Ladder,
        *,
        device: torch.device,
        seed: int,
    ) -> None:
        self._training = dataclasses.replace(training, early_stopping=0)
        self._worth = fitness.worth()
        self._ladder = ladder
        self.epochs = tuple(round(epochs * _growth(dataset, training)) for epochs in ladder.epochs)
        self._seed = seed
        self.evaluate = Evaluator(
            dataset.train,
            dataset.validation,
            dataset.spec,
            self._training,
            device,
            vectors=dataset.vectors,
            metrics=self._worth.metrics,
        )
        self._executor: Executor[Job, JobResult] = InProcess(self.evaluate)

    def use(self, executor: Executor[Job, JobResult]) -> None:
        """Train there from now on; it must do jobs as `self.evaluate` does."""
        self._executor = executor

    def run(
        self, choices: Sequence[Choice], known: Sequence[TuningTrial] = (), deadline: float | None = None
    ) -> Iterator[TuningTrial]:
        """Yield the trials that are not `known` yet, as they end; at `deadline`, of `time.time()`, the rest stop."""
        trials = list(known)
        while missing := self.missing(choices, trials):
            jobs = [self._job(number, choices[number], rung, deadline) for number, rung in missing]
            places = {job.key: place for job, place in zip(jobs, missing, strict=True)}
            done = 0
            for job, result in self._executor.run(jobs):
                trial = self._trial(*places[job.key], result)
                if trial.status != BROKEN_OFF:
                    trials.append(trial)
                    done += 1
                    yield trial
            if done < len(missing):  # the time was spent
                return

    def missing(self, choices: Sequence[Choice], trials: Sequence[TuningTrial]) -> list[tuple[int, int]]:
        """What is to be done next, as numbers of choice and rung: the rest of a rung; nothing when all is done."""
        known = {(trial.choice, trial.rung): trial for trial in trials}
        standing = list(range(len(choices)))
        for rung in range(len(self.epochs)):
            missing = [(number, rung) for number in standing if (number, rung) not in known]
            if missing:
                return missing
            standing = self._promoted([known[number, rung] for number in standing])
        return []

    def _promoted(self, trials: Sequence[TuningTrial]) -> list[int]:
        """The numbers of the choices that go on: the share that the ladder says, but at least two that did not fail."""
        ranked = sorted((trial for trial in trials if not trial.has_failed), key=_place)
        return sorted(trial.choice for trial in ranked[: max(LEAST, self._ladder.places(len(trials)))])

    def _job(self, number: int, choice: Choice, rung: int, deadline: float | None) -> Job:
        of = choice.architecture.digest(), "tuning", str(rung)
        return Job(
            key=f"{number} {rung}",
            rung=rung,
            architecture=choice.architecture,
            weights_seed=derive_seed(self._seed, *of, "weights"),
            stages=(Stage(self.epochs[rung], derive_seed(self._seed, *of, "training")),),
            limits=Limits(deadline=deadline),
            training=choice.training(self._training),
        )

    def _trial(self, number: int, rung: int, result: JobResult | WorkerDied) -> TuningTrial:
        epochs = self.epochs[rung]
        if isinstance(result, WorkerDied):
            return TuningTrial(number, rung, epochs, RAISED, reason=result.reason)
        trial = TuningTrial(
            number, rung, epochs, result.status, samples=result.samples, seconds=result.seconds, reason=result.reason
        )
        if trial.has_failed:
            return trial
        metrics = result.metrics
        try:
            objective = self._worth(metrics)
        except Exception as error:  # noqa: BLE001 - a user's objective may raise anything; it costs this trial only
            return dataclasses.replace(trial, status=RAISED, reason=f"{type(error).__name__}: {error}")
        return dataclasses.replace(trial, objective=objective, accuracy=metrics["accuracy"], loss=metrics["loss"])


def _growth(dataset: Dataset, training: TrainingSettings) -> float:
    """How many times as many examples the final training has."""
    if training.early_stopping or dataset.validation_trains:
        return 1.0
    return (len(dataset.train) + len(dataset.validation)) / len(dataset.train)


def _place(trial: TuningTrial) -> tuple[bool, float, float, int]:
    """Less is better: accuracies of short trainings are often alike, and then the loss tells them apart."""
    return trial.has_failed, -trial.objective, trial.loss, trial.choice


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
