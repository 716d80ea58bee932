"""neat-python reporters and search listeners: progress bars, TensorBoard, the best network so far, the history.

neat-python counts generations from 0; everything that a user reads, on the console and in files, counts from 1.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matplotlib.image import imread
from neat.reporting import BaseReporter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from neat_deep.base.errors import OutputError
from neat_deep.base.files import append_text, read_text, write_text, writing
from neat_deep.data import DataSpec
from neat_deep.evolution.fitness import REUSED, SCORED, FitnessEvaluator, Score
from neat_deep.reports.pictures.plots import GenerationSummary, plot_history
from neat_deep.reports.pictures.render import draw_cell, draw_network, try_picture
from neat_deep.training.fit import Progress as TrainingProgress

BAR_SECONDS = 0.5  # between two movements of the bars: each costs a thousandth of a second, as a small batch does
PLOT_SECONDS = 30.0  # between two drawings of the history, which take a quarter of a second each


class ProgressReporter(BaseReporter):
    """Shows two bars, the generation's genomes and the genome in training, and a line for each generation."""

    def __init__(self, console: Console, generations: int) -> None:
        self._console = console
        self._generations = generations
        self._generation = 0
        self._best = 0.0
        self._moved = 0.0
        self._bars: Progress | None = None
        self._genomes = TaskID(0)
        self._training = TaskID(0)

    def go_on(self, best: float) -> None:
        """Take up a run whose best accuracy was `best`."""
        self._best = best

    def start_generation(self, generation: int) -> None:
        """Remember which generation the bars are about."""
        self._generation = generation + 1

    def generation_started(self, genomes: int) -> None:
        """Put up the bars."""
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            refresh_per_second=1 / BAR_SECONDS,
        )
        name = f"generation {self._generation} of {self._generations}"
        self._genomes = self._bars.add_task(name, total=genomes, note=self._note())
        self._training = self._bars.add_task("  genome in training", total=100, note="")
        self._bars.start()

    def training_went_on(self, progress: TrainingProgress) -> None:
        """Move the lower bar."""
        now = time.perf_counter()
        if self._bars is not None and now - self._moved >= BAR_SECONDS:
            self._moved = now
            note = f"epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.3f}"
            self._bars.update(self._training, completed=round(100 * progress.share), note=note)

    def genome_scored(self, score: Score, is_best: bool) -> None:
        """Move the upper bar."""
        if is_best and score.accuracy is not None:
            self._best = score.accuracy
        if self._bars is not None:
            self._bars.update(self._genomes, advance=1, note=self._note())
            self._bars.reset(self._training, note="")

    def close(self) -> None:
        """Take the bars down; calling it again does nothing."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def generation_ended(self, summary: GenerationSummary) -> None:
        """Replace the bars by the generation's line."""
        self.close()
        self._console.print(
            f"generation {summary.generation:>3}  best {100 * summary.best:.2f}%"
            f"  median {100 * summary.median:.2f}%"
            f"  best so far {100 * self._best:.2f}%  species {summary.species}  trained {summary.scored}"
            f"  reused {summary.reused}  failed {summary.failed}  {summary.seconds:.0f} s",
            highlight=False,
        )

    def _note(self) -> str:
        return f"best so far {100 * self._best:.2f}%"


class RunRecorder(BaseReporter):
    """Keeps a run's traces in its folder: each new best at once, history and TensorBoard after each generation.

    Files: `genomes.jsonl` (a line for each genome of each generation: status, accuracy, reason), `best.json`,
    `best.svg`, `best.png` (the cell), `network.svg`, `network.png` (the whole network), `history.json`,
    `history.png` and TensorBoard's event file.
    """

    def __init__(self, folder: Path, data: DataSpec, progress: ProgressReporter | None = None) -> None:
        self.history: list[GenerationSummary] = []
        self._folder = folder
        self._data = data
        self._progress = progress
        with writing(folder):
            self._writer = SummaryWriter(str(folder))
        self._evaluator: FitnessEvaluator | None = None
        self._drawn = ""
        self._plotted = time.perf_counter()
        self._generation = 0
        self._started = time.perf_counter()

    def watch(self, evaluator: FitnessEvaluator) -> None:
        """Take the generations' scores from `evaluator`."""
        self._evaluator = evaluator

    def go_on(self, history: Sequence[GenerationSummary]) -> None:
        """Take up a run of which these generations are finished; what its folder says of later ones is dropped."""
        self.history = list(history)
        if history:
            with writing(self._folder):
                self._writer.close()
                self._writer = SummaryWriter(str(self._folder), purge_step=len(history) + 1)
        _cut_log(self._folder / "genomes.jsonl", len(history))

    def generation_started(self, genomes: int) -> None:
        """Nothing to record yet."""

    def training_went_on(self, progress: TrainingProgress) -> None:
        """Single steps are not recorded."""

    def genome_scored(self, score: Score, is_best: bool) -> None:
        """Log the score; save a new best at once."""
        line = {
            "generation": self._generation,
            "genome": score.genome_key,
            "digest": score.digest,
            "status": score.status,
            "accuracy": score.accuracy,
            "rung": score.rung,
            "parameters": score.parameters,
            "seconds": round(score.seconds, 3),
            "reason": score.reason,
        }
        append_text(self._folder / "genomes.jsonl", json.dumps(line) + "\n")
        if is_best and score.architecture is not None and score.accuracy is not None:
            score.architecture.save(self._folder / "best.json")
            title = f"best cell, validation accuracy {100 * score.accuracy:.2f}%"
            try_picture(draw_cell(score.architecture.cell, title=title), self._folder / "best")

    def start_generation(self, generation: int) -> None:
        """Start the generation's clock."""
        self._generation = generation + 1
        self._started = time.perf_counter()

    def post_evaluate(self, config: Any, population: Any, species: Any, best_genome: Any) -> None:
        """Record the generation that was just scored."""
        if self._evaluator is None:
            return
        scores = self._evaluator.generation
        summary = summarise(scores, self._generation, len(species.species), time.perf_counter() - self._started)
        self.history.append(summary)
        write_text(self._folder / "history.json", json.dumps([asdict(s) for s in self.history], indent=2) + "\n")
        if time.perf_counter() - self._plotted >= PLOT_SECONDS:
            self._plot()
        self._write_scalars(summary)
        self._draw_network()
        if self._progress is not None:
            self._progress.generation_ended(summary)

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

    def _draw_network(self) -> None:
        best = self._evaluator.best if self._evaluator is not None else None
        if best is None or best.architecture is None or best.digest == self._drawn:
            return
        self._drawn = best.digest
        drawing = draw_network(best.architecture, self._data.shape, self._data.num_classes)
        try_picture(drawing, self._folder / "network")
        picture = self._folder / "best.png"
        if picture.is_file():  # absent where no renderer is installed
            self._writer.add_image("best cell", imread(picture)[..., :3], self._generation, dataformats="HWC")
        with writing(self._folder):
            self._writer.flush()


def summarise(scores: list[Score], generation: int, species: int, seconds: float) -> GenerationSummary:
    """The figures of one generation; a generation without a valid genome scores 0."""
    valid = [s for s in scores if s.accuracy is not None]
    accuracies = [s.accuracy for s in valid if s.accuracy is not None] or [0.0]
    best = max(valid, key=lambda s: (s.rung, s.accuracy or 0.0), default=None)
    return GenerationSummary(
        generation=generation,
        best=best.accuracy if best is not None and best.accuracy is not None else 0.0,
        median=statistics.median(accuracies),
        best_parameters=best.parameters if best is not None else 0,
        median_parameters=statistics.median(s.parameters for s in valid) if valid else 0.0,
        species=species,
        scored=sum(s.status == SCORED for s in scores),
        reused=sum(s.status == REUSED for s in scores),
        failed=sum(s.accuracy is None for s in scores),
        seconds=seconds,
    )


def _cut_log(path: Path, finished: int) -> None:
    """Drop the lines after generation `finished`: a run that is resumed there writes them again."""
    if path.exists():
        lines = read_text(path, "log of genomes", OutputError).splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]  # the last may have been cut by a kill
        write_text(path, "".join(line for line in whole if json.loads(line)["generation"] <= finished))
