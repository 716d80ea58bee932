"""What a run keeps in its folder beside the search: the time that was spent, and the threads of the final training."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from darts.derivation import Derived
from darts.history import EpochSummary
from neat_deep.base.errors import SearchError
from neat_deep.base.files import read_text, write_text
from neat_deep.data import Dataset
from neat_deep.space.architecture import Architecture
from neat_deep.training.retraining import choose_threads
from neat_deep.training.settings import TrainingSettings

FILE_NAME = "clock.json"


class RunClock:
    """Counts the seconds of a run over all its processes; it listens to the search, and writes them at each epoch.

    `spent` are those of earlier processes; this one's count from `started`, a point of `time.time()`.
    """

    def __init__(self, folder: Path, started: float) -> None:
        self._path = folder / FILE_NAME
        self._started = started
        kept = _read(self._path)
        self.spent = float(kept.get("seconds", 0.0))
        self._threads = int(kept.get("training_threads", 0))

    @property
    def seconds(self) -> float:
        """All time that was spent on the run."""
        return self.spent + time.time() - self._started

    def tick(self) -> None:
        """Write the time that was spent so far; raises `OutputError`."""
        content = {"seconds": round(self.seconds, 3), "training_threads": self._threads}
        write_text(self._path, json.dumps(content) + "\n")

    def training_threads(
        self, asked: int, architecture: Architecture, dataset: Dataset, training: TrainingSettings, device: torch.device
    ) -> int:
        """The threads `asked` for, else those that the run used before, else the faster number.

        It is kept, since another number rounds differently.
        """
        self._threads = choose_threads(asked, self._threads, architecture, dataset, training, device)
        self.tick()
        return self._threads

    # --- what a search's listener hears ------------------------------------------------------------------------------

    def resume(self, history: Sequence[EpochSummary]) -> None:
        """The time before is known."""

    def step_done(self, epoch: int, share: float, weight_loss: float, alpha_loss: float | None) -> None:
        """Single steps are not written."""

    def epoch_done(self, summary: EpochSummary, derived: Derived) -> None:
        """Write the time."""
        self.tick()


def _read(path: Path) -> dict[str, float]:
    if not path.is_file():
        return {}
    text = read_text(path, "clock", SearchError)
    try:
        kept = {str(name): float(value) for name, value in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise SearchError(f"{path}: not the clock of a run: {error}") from None
    return kept
