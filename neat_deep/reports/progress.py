"""A search on the screen: progress bars on a terminal, a line for each network elsewhere.

Generations are counted from 0 inside; everything that a user reads, on the screen and in files, counts from 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from neat_deep.base.screen import has_bars
from neat_deep.reports.summary import GenerationSummary
from neat_deep.scoring.scores import Score
from neat_deep.training.fit import Progress as TrainingProgress

BAR_SECONDS = 0.5  # between two movements of the bars: each costs a thousandth of a second, as a small batch does


class ProgressReporter:
    """Shows two bars, the generation's candidates and the candidate in training, and a line for each generation.

    Where there can be no bars (`has_bars`), each network has its line as it ends. `left` says what is
    left of the search, such as `12 minutes left`, for those lines.
    """

    def __init__(self, console: Console, generations: int | None, left: Callable[[], str] | None = None) -> None:
        self._console = console
        self._generations = generations
        self._left = left or (lambda: "")
        self._generation = 0
        self._candidates = self._scored = 0
        self._best = 0.0
        self._moved = 0.0
        self._bars: Progress | None = None
        self._generation_bar = TaskID(0)
        self._training_bar = TaskID(0)

    def resumed(self, history: Sequence[GenerationSummary], best: Score | None) -> None:
        """Take up a run."""
        self._generation = len(history)
        if best is not None:
            self._best = best.accuracy or 0.0

    def generation_started(self, generation: int, candidates: int) -> None:
        """Put up the bars."""
        self._generation, self._candidates, self._scored = generation + 1, candidates, 0
        if not has_bars(self._console):
            return
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
        self._generation_bar = self._bars.add_task(self._name(), total=candidates, note=self._note())
        self._training_bar = self._bars.add_task("  network in training", total=100, note="")
        self._bars.start()

    def training_progressed(self, progress: TrainingProgress) -> None:
        """Move the lower bar."""
        now = time.perf_counter()
        if self._bars is not None and now - self._moved >= BAR_SECONDS:
            self._moved = now
            note = f"epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.3f}"
            self._bars.update(self._training_bar, completed=round(100 * progress.work), note=note)

    def candidate_scored(self, score: Score, is_best: bool) -> None:
        """Move the upper bar, or print the network's line."""
        self._scored += 1
        if is_best:
            self._best = score.accuracy or 0.0
        if self._bars is not None:
            self._bars.update(self._generation_bar, advance=1, note=self._note())
            self._bars.reset(self._training_bar, note="")
        elif not has_bars(self._console):
            self._print(self._line(score))

    def close(self) -> None:
        """Take the bars down; calling it again does nothing."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def generation_ended(self, summary: GenerationSummary, best: Score | None) -> None:
        """Replace the bars by the generation's line."""
        self.close()
        if best is not None:
            self._best = best.accuracy or 0.0
        species = f"  species {summary.species}" if summary.species else ""
        screened = f"  screened out {summary.screened_out}" if summary.screened_out else ""
        self._print(
            f"generation {summary.generation:>3}  best {100 * summary.best:.2f}%"
            f"  median {100 * summary.median:.2f}%"
            f"  best so far {100 * self._best:.2f}%{species}  trained {summary.scored}"
            f"  reused {summary.reused}  failed {summary.failed}{screened}  {summary.seconds:.0f} s"
        )

    def _line(self, score: Score) -> str:
        result = score.status if score.objective is None else f"{score.status} {100 * (score.accuracy or 0.0):.2f}%"
        size = f", {score.parameters:,} parameters" if score.parameters else ""
        left = self._left()
        return (
            f"{self._name()}, network {self._scored} of {self._candidates}: {result}{size}, {score.seconds:.1f} s; "
            f"{self._note()}{f'; {left}' if left else ''}"
        )

    def _name(self) -> str:
        of = f" of {self._generations}" if self._generations else ""
        return f"generation {self._generation}{of}"

    def _note(self) -> str:
        return f"best so far {100 * self._best:.2f}%"

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
