"""What is behind a row of the table of cells: signals before training, short trainings, and one in full."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from neat_deep.base.devices import computing_with
from neat_deep.base.errors import DivergedError
from neat_deep.base.randomness import derive_seed
from neat_deep.data import Dataset, Split, part_of
from neat_deep.networks.network import build_network
from neat_deep.scoring.job import untrained_batch
from neat_deep.scoring.metrics import METRICS, measure_untrained
from neat_deep.space.architecture import Architecture
from neat_deep.training.fit import Progress, evaluate, fit
from neat_deep.training.settings import TrainingSettings

CPU = torch.device("cpu")
UNTRAINED, SHORT, FULL = "untrained", "short", "full"


@dataclass(frozen=True)
class Training:
    """One training to do: of a cell, short (`epochs` of it on a part) or in full, with a seed.

    `untrained` is none: the cell's signals before training, on a batch.
    """

    digest: str
    architecture: Architecture
    kind: str
    epochs: int
    seed: int

    @property
    def name(self) -> str:
        """Where its result stands in the cell's row."""
        return f"{self.kind} {self.epochs} seed {self.seed}"


@dataclass(frozen=True)
class Outcome:
    """What a training came to: after each epoch the mean training loss and the validation accuracy (0..1).

    Empty lists where the training diverged or raised, and then `reason` says why. `seconds` is the processor's time of
    training alone, which a busy machine hardly changes. `signals` are those before training, each with its seconds.
    """

    losses: tuple[float, ...]
    validation: tuple[float, ...]
    seconds: float
    reason: str = ""
    signals: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Rounded to what a table needs."""
        row: dict[str, Any] = {
            "losses": [round(loss, 5) for loss in self.losses],
            "validation": [round(accuracy, 5) for accuracy in self.validation],
            "seconds": round(self.seconds, 2),
        }
        if self.reason:
            row["reason"] = self.reason
        if self.signals:
            row["signals"] = {name: [round(value, 5), round(cost, 4)] for name, (value, cost) in self.signals.items()}
        return row


class CellTrainer:
    """Does trainings on one data set; it can be sent to other processes.

    A short training sees the same `short_examples` examples, balanced by class, in all cells.
    """

    def __init__(self, dataset: Dataset, settings: Mapping[str, TrainingSettings], short_examples: int) -> None:
        self._spec = dataset.spec
        self._settings = dict(settings)
        self._validation = dataset.validation
        part = part_of(dataset.train, short_examples, 0)
        self._train: dict[str, Split] = {SHORT: part, FULL: dataset.train}

    def __call__(self, training: Training) -> Outcome:
        """Train and score one network; nothing but an interrupt is raised."""
        try:
            with computing_with(1):
                return self._measure(training) if training.kind == UNTRAINED else self._train_and_score(training)
        except DivergedError as error:
            return Outcome((), (), 0.0, str(error))
        except Exception as error:  # noqa: BLE001 - one cell that raises costs its own row only
            return Outcome((), (), 0.0, f"{type(error).__name__}: {error}")

    def _measure(self, training: Training) -> Outcome:
        seed = derive_seed(training.seed, training.digest, "weights")
        network = build_network(training.architecture, self._spec, seed=seed)
        batch = untrained_batch(self._train[SHORT], self._spec)
        signals = {}
        for name in [info.name for info in METRICS.values() if info.untrained]:
            started = time.process_time()
            try:
                value = measure_untrained([name], network, self._spec, batch)[name]
            except ValueError:  # synflow overflows where products are stacked; the others need not
                continue
            signals[name] = value, time.process_time() - started
        return Outcome((), (), sum(seconds for _, seconds in signals.values()), signals=signals)

    def _train_and_score(self, training: Training) -> Outcome:
        network = build_network(
            training.architecture, self._spec, seed=derive_seed(training.seed, training.digest, "weights")
        )
        train = self._train[training.kind]
        epochs = _Epochs(len(train))
        scoring = 0.0
        validation: list[float] = []

        def on_step(progress: Progress) -> None:
            nonlocal scoring
            if epochs.ended(progress):
                started = time.process_time()
                validation.append(evaluate(network, self._validation, device=CPU).accuracy)
                scoring += time.process_time() - started

        settings = dataclasses.replace(self._settings[training.kind], epochs=training.epochs)
        started = time.process_time()
        fit(network, train, settings, device=CPU, seed=derive_seed(training.seed, training.digest), on_step=on_step)
        seconds = time.process_time() - started - scoring
        # Texts' norms are measured anew at the end of a training: the last figure is of the network as it is used.
        validation[-1] = evaluate(network, self._validation, device=CPU).accuracy
        return Outcome(tuple(epochs.losses), tuple(validation), seconds)


class _Epochs:
    """The mean training loss of each epoch, from the losses of its steps."""

    def __init__(self, examples: int) -> None:
        self.losses: list[float] = []
        self._examples = examples
        self._sum = 0.0
        self._done = 0

    def ended(self, progress: Progress) -> bool:
        """Count one step; whether it was the last of its epoch."""
        done = round(progress.share * progress.epochs * self._examples)
        self._sum += progress.loss * (done - self._done)
        self._done = done
        if done < progress.epoch * self._examples:
            return False
        self.losses.append(self._sum / self._examples)
        self._sum = 0.0
        return True
