"""A run's traces in its folder: a line for each candidate, the best network so far, the history, TensorBoard."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from matplotlib.image import imread
from torch.utils.tensorboard import SummaryWriter

from neat_deep.base.errors import OutputError
from neat_deep.base.files import append_text, read_text, write_text, writing
from neat_deep.data import DataSpec
from neat_deep.reports.pictures.plots import plot_history
from neat_deep.reports.pictures.render import draw_cell, draw_network, try_picture
from neat_deep.reports.summary import GenerationSummary
from neat_deep.scoring.scores import Score
from neat_deep.space.architecture import Architecture
from neat_deep.training.fit import Progress as TrainingProgress

PLOT_SECONDS = 30.0  # between two drawings of the history, which take a quarter of a second each
CANDIDATES = "candidates.jsonl"


class RunRecorder:
    """Keeps a run's traces in its folder: each new best at once, history and TensorBoard after each generation.

    Files: `candidates.jsonl` (a line for each candidate of each generation: status, metrics, reason), `best.json`,
    `best.svg`, `best.png` (the cell), `network.svg`, `network.png` (the whole network), `history.json`,
    `history.png` and TensorBoard's event file.
    """

    def __init__(self, folder: Path, data: DataSpec) -> None:
        self.history: list[GenerationSummary] = []
        self._folder = folder
        self._data = data
        with writing(folder):
            self._writer = SummaryWriter(str(folder))
        self._drawn = ""
        self._plotted = time.perf_counter()
        self._generation = 0

    def resumed(self, history: Sequence[GenerationSummary], best: Score | None) -> None:  # noqa: ARG002
        """Take up a run of which these generations are finished; what its folder says of later ones is dropped."""
        self.history = list(history)
        if history:
            with writing(self._folder):
                self._writer.close()
                self._writer = SummaryWriter(str(self._folder), purge_step=len(history) + 1)
        _cut_log(self._folder / CANDIDATES, len(history))

    def generation_started(self, generation: int, candidates: int) -> None:  # noqa: ARG002
        """Note which generation the lines are about."""
        self._generation = generation + 1

    def training_progressed(self, progress: TrainingProgress) -> None:
        """Single steps are not recorded."""

    def candidate_scored(self, score: Score, is_best: bool) -> None:
        """Log the score; save a new best at once."""
        line = {
            "generation": self._generation,
            "candidate": score.candidate,
            "digest": score.digest,
            "status": score.status,
            "metrics": dict(score.metrics),
            "rung": score.rung,
            "seconds": round(score.seconds, 3),
            "reason": score.reason,
        }
        append_text(self._folder / CANDIDATES, json.dumps(line) + "\n")
        if is_best and score.architecture is not None and score.accuracy is not None:
            title = f"best cell, validation accuracy {100 * score.accuracy:.2f}%"
            save_best(score.architecture, title, self._folder)

    def generation_ended(self, summary: GenerationSummary, best: Score | None) -> None:
        """Record the generation that was just scored."""
        self.history.append(summary)
        write_text(self._folder / "history.json", json.dumps([asdict(s) for s in self.history], indent=2) + "\n")
        if time.perf_counter() - self._plotted >= PLOT_SECONDS:
            self._plot()
        self._write_scalars(summary)
        self._draw_network(best)

    def close(self) -> None:
        """Draw the history to its end and flush TensorBoard's file."""
        if self.history:
            self._plot()
        with writing(self._folder):
            self._writer.close()

    def _plot(self) -> None:
        plot_history(self.history, self._folder / "history.png")
        self._plotted = time.perf_counter()

    def _write_scalars(self, summary: GenerationSummary) -> None:
        groups = {
            "accuracy": ("best", "median"),
            "size": ("best_parameters", "median_parameters"),
            "search": ("species", "scored", "reused", "failed", "seconds"),
        }
        values = asdict(summary)
        with writing(self._folder):  # TensorBoard's thread hands its error to the next call
            for group, names in groups.items():
                for name in names:
                    self._writer.add_scalar(f"{group}/{name}", values[name], summary.generation)

    def _draw_network(self, best: Score | None) -> None:
        if best is None or best.architecture is None or best.digest == self._drawn:
            return
        self._drawn = best.digest
        save_network(best.architecture, self._data, self._folder)
        picture = self._folder / "best.png"
        if picture.is_file():  # absent where no renderer is installed
            self._writer.add_image("best cell", imread(picture)[..., :3], self._generation, dataformats="HWC")
        with writing(self._folder):
            self._writer.flush()


def save_best(architecture: Architecture, title: str, folder: Path) -> None:
    """Write the best network of a run so far, and draw its cell."""
    architecture.save(folder / "best.json")
    try_picture(draw_cell(architecture.cell, title=title), folder / "best")


def save_network(architecture: Architecture, data: DataSpec, folder: Path) -> None:
    """Draw the best network as a whole."""
    try_picture(draw_network(architecture, data.shape, data.num_classes), folder / "network")


def _cut_log(path: Path, finished: int) -> None:
    """Drop the lines after generation `finished`: a run that is resumed there writes them again."""
    if path.exists():
        lines = read_text(path, "log of candidates", OutputError).splitlines(keepends=True)
        complete = [line for line in lines if line.endswith("\n")]  # the last may have been cut by a kill
        write_text(path, "".join(line for line in complete if json.loads(line)["generation"] <= finished))
