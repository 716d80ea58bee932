"""A tuning that can be stopped: which one its folder holds, and the trials that are done."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from neat_deep.base.errors import ConfigError, StoreError
from neat_deep.base.fields import parse_json, read_object, values_of
from neat_deep.base.files import read_text, write_text
from neat_deep.config.data_facts import changed_fact, data_facts
from neat_deep.config.ini import parse_ini, read_section, write_sections
from neat_deep.config.tuning_plan import FITNESS, TuningPlan
from neat_deep.data import Dataset
from neat_deep.scoring.scores import all_raised
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.scoring.tuning import Choice, Tuner, TuningTrial, best_choice
from neat_deep.scoring.tuning_settings import SECTION, TuningSettings
from neat_deep.search.workers import WorkerPlan, evaluating_in
from neat_deep.training.settings import TrainingSettings

FORMAT = "neat-deep tuning"
RECORD = "tuning.json"
KINDS = {"Training": TrainingSettings, SECTION: TuningSettings, FITNESS: FitnessSettings}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """Which tuning it is: the networks by their digests, the seed, facts of the data, and the settings as INI text."""

    networks: tuple[str, ...]
    seed: int
    data: str
    settings: str


@dataclass(frozen=True)
class _Document:
    """What the file of a tuning holds; `threads` are those of the final training, 0 before they are known."""

    format: str
    asked: Asked
    trials: tuple[TuningTrial, ...] = ()
    threads: int = 0


class TuningRecord:
    """The file of a tuning: each trial is written as it ends, so the same tuning goes on where it was stopped.

    Raises `StoreError` for a file that is none, or of another tuning.
    """

    def __init__(self, path: Path, plan: TuningPlan, choices: Sequence[Choice], dataset: Dataset) -> None:
        self.path = path
        self.trials: list[TuningTrial] = []
        self.threads = 0
        self._asked = Asked(
            tuple(dict.fromkeys(choice.architecture.digest() for choice in choices)),
            plan.run.seed,
            data_facts(dataset),
            write_sections({name: getattr(plan, name.lower()) for name in KINDS}),
        )
        if not path.is_file():
            return
        document = _read(path)
        other = _other(document.asked, self._asked, plan, dataset)
        if other:
            raise StoreError(f"{path}: {other}; allowed: what this tuning was begun with, or another folder")
        if not all_raised(trial.status for trial in document.trials):
            self.trials.extend(document.trials)
        self.threads = document.threads

    def keep(self, trial: TuningTrial) -> None:
        """Add a trial, and write the file."""
        self.trials.append(trial)
        self._write()

    def keep_threads(self, threads: int) -> None:
        """Note with how many threads the final training computes, since another number rounds differently."""
        if threads != self.threads:
            self.threads = threads
            self._write()

    def _write(self) -> None:
        document = _Document(FORMAT, self._asked, tuple(self.trials), self.threads)
        write_text(self.path, json.dumps(asdict(document), indent=1) + "\n")


def _read(path: Path) -> _Document:
    try:
        document = read_object(_Document, parse_json(read_text(path, "tuning", StoreError)), "the file")
    except ConfigError as error:
        raise StoreError(f"{path}: {error}") from None
    if document.format != FORMAT:
        raise StoreError(f"{path}: format: got {document.format!r}, allowed: {FORMAT!r}")
    return document


def _other(before: Asked, now: Asked, plan: TuningPlan, dataset: Dataset) -> str:
    """The first thing in which a tuning is not the one of before; empty where it is the same."""
    if before.networks != now.networks:
        return "networks: the tuning there is of others"
    if before.seed != now.seed:
        return f"seed: got {now.seed}, the tuning there has {before.seed}"
    fact = changed_fact(before.data, dataset)
    if fact is not None:
        return f"data: the tuning there is on other data, by their {fact}"
    parser = parse_ini(before.settings, "the tuning's settings")
    for section, kind in KINDS.items():
        old = values_of(read_section("the tuning's settings", parser, section, kind, stored=True))
        new = values_of(getattr(plan, section.lower()))
        for key in new:
            if old.get(key) != new[key]:
                return f"[{section}] {key}: got {new[key]}, the tuning there has {old.get(key)}"
    return ""


@dataclass(frozen=True)
class Tuning:
    """What is to be tried, in order, with the trials that are done."""

    plan: TuningPlan
    choices: tuple[Choice, ...]
    record: TuningRecord
    tuner: Tuner

    def run(self, workers: WorkerPlan, deadline: float | None) -> Iterator[TuningTrial]:
        """Do the trials that are missing, and yield each as it is kept; none begins after `deadline`."""
        with evaluating_in(workers, self.plan.run, self.tuner):
            for trial in self.tuner.run(self.choices, self.record.trials, deadline):
                if trial.reason:
                    log.warning("trial %d, %d epochs: %s", trial.choice + 1, trial.epochs, trial.reason)
                self.record.keep(trial)
                yield trial

    @property
    def is_complete(self) -> bool:
        """Whether no trial is missing."""
        return not self.tuner.missing(self.choices, self.record.trials)

    def best(self) -> tuple[Choice, TuningTrial] | None:
        """The best choice so far and the trial that says so; None where nothing was scored."""
        return best_choice(self.choices, self.record.trials)


def prepare_tuning(
    choices: Sequence[Choice], plan: TuningPlan, dataset: Dataset, folder: Path, device: torch.device
) -> Tuning:
    """What is to be tried, with what the folder says is done; raises `StoreError`."""
    record = TuningRecord(folder / RECORD, plan, choices, dataset)
    ladder = plan.tuning.ladder(plan.training.epochs)
    tuner = Tuner(dataset, plan.training, plan.fitness, ladder, device=device, seed=plan.run.seed)
    return Tuning(plan, tuple(choices), record, tuner)
