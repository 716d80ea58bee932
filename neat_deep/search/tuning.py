"""A tuning that can be stopped: which one its folder holds, and the trials that are done."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from neat_deep.base.errors import ConfigError, SearchError, StoreError
from neat_deep.base.fields import parse_json, read_object
from neat_deep.base.files import read_text, write_text
from neat_deep.config.data_facts import data_facts
from neat_deep.config.experiment_file import TuningPlan
from neat_deep.config.ini import write_sections
from neat_deep.data import Dataset
from neat_deep.scoring.tuning import Choice, Tuner, TuningTrial, best_choice
from neat_deep.scoring.tuning_settings import SECTION
from neat_deep.search.workers import WorkerPlan, evaluating_in

FORMAT = "neat-deep tuning"
RECORD = "tuning.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Document:
    """What the file of a tuning holds; `asked` says which tuning it is."""

    format: str
    asked: str
    trials: tuple[TuningTrial, ...] = ()


class TuningRecord:
    """The file of a tuning: each trial is written as it ends, so the same tuning goes on where it was stopped.

    Raises `StoreError` for a file that is none, or of another tuning.
    """

    def __init__(self, path: Path, asked: str) -> None:
        self.path = path
        self._asked = asked
        self.trials: list[TuningTrial] = []
        if not path.is_file():
            return
        try:
            text = read_text(path, "tuning", StoreError)
            document = read_object(_Document, parse_json(text), "the file")
        except ConfigError as error:
            raise StoreError(f"{path}: {error}") from None
        if document.format != FORMAT:
            raise StoreError(f"{path}: format: got {document.format!r}, allowed: {FORMAT!r}")
        if document.asked != asked:
            raise StoreError(
                f"{path}: it holds a tuning of other networks, data or settings; allowed: those of before, or another "
                "folder"
            )
        self.trials.extend(document.trials)

    def keep(self, trial: TuningTrial) -> None:
        """Add a trial, and write the file."""
        self.trials.append(trial)
        document = _Document(FORMAT, self._asked, tuple(self.trials))
        write_text(self.path, json.dumps(asdict(document), indent=1) + "\n")


@dataclass(frozen=True)
class Tuning:
    """What is to be tried, in order, with the trials that are done; `epochs` are those of each rung."""

    plan: TuningPlan
    choices: tuple[Choice, ...]
    record: TuningRecord
    tuner: Tuner
    epochs: tuple[int, ...]

    def run(self, workers: WorkerPlan, deadline: float | None) -> Iterator[TuningTrial]:
        """Do the trials that are missing, and yield each as it is kept; none begins after `deadline`."""
        with evaluating_in(workers, self.plan.run, self.tuner):
            for trial in self.tuner.run(self.choices, self.record.trials, deadline):
                if trial.reason:
                    log.warning("trial %d, %d epochs: %s", trial.choice + 1, trial.epochs, trial.reason)
                self.record.keep(trial)
                yield trial

    def winner(self) -> tuple[Choice, TuningTrial]:
        """The best choice so far and the trial that says so; raises `SearchError` where nothing was scored."""
        best = best_choice(self.choices, self.record.trials)
        if best is None:
            raise SearchError(
                "no trial gave a score: the time was too short, or every training failed; see the log above"
            )
        return best


def prepare_tuning(
    choices: Sequence[Choice], plan: TuningPlan, dataset: Dataset, folder: Path, device: torch.device
) -> Tuning:
    """What is to be tried, with what the folder says is done; raises `StoreError`."""
    ladder = plan.tuning.ladder(plan.training.epochs)
    asked = "\n".join(
        [
            *dict.fromkeys(choice.architecture.digest() for choice in choices),
            f"seed {plan.run.seed}",
            data_facts(dataset),
            write_sections({"Training": plan.training, SECTION: plan.tuning}),
        ]
    )
    tuner = Tuner(dataset, plan.training, ladder, device=device, seed=plan.run.seed)
    return Tuning(plan, tuple(choices), TuningRecord(folder / RECORD, asked), tuner, ladder.epochs)
