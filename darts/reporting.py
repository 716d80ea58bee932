"""What a search shows and leaves behind: a bar, a line an epoch, TensorBoard, figures, the cell of every epoch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from darts.derivation import Derived
from darts.history import EpochSummary, save_history
from darts.plots import plot_alphas, plot_curves
from darts.search_space import SearchSpace
from neat_deep.reports.pictures.render import draw_cell, try_picture

BAR_SECONDS = 0.5  # between two movements of the bar
PLOT_SECONDS = 30.0  # between two drawings of the figures, which take a second or more


class SearchProgress:
    """A bar over all epochs with both losses, and a line for each epoch that is done."""

    def __init__(self, console: Console, epochs: int, name: str = "") -> None:
        self._console = console
        self._name = name  # of the search, before that of the epoch
        self._epochs = epochs
        self._moved = 0.0
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._last = ""

    def resume(self, history: Sequence[EpochSummary]) -> None:
        """Say that the search resumes."""
        self._console.print(f"{self._name}going on after epoch {len(history)}", highlight=False)

    def step_done(self, epoch: int, share: float, weight_loss: float, alpha_loss: float | None) -> None:
        """Move the bar."""
        now = time.perf_counter()
        if now - self._moved < BAR_SECONDS:
            return
        self._moved = now
        if self._bar is None:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[note]}"),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self._console, transient=True, refresh_per_second=1 / BAR_SECONDS)
            self._task = self._bar.add_task("", total=self._epochs, note="")
            self._bar.start()
        note = f"loss of weights {weight_loss:.3f}" + ("" if alpha_loss is None else f", of alphas {alpha_loss:.3f}")
        note += self._last
        name = f"{self._name}epoch {epoch} of {self._epochs}"
        self._bar.update(self._task, description=name, completed=epoch - 1 + share, note=note)

    def epoch_done(self, summary: EpochSummary, derived: Derived) -> None:
        """Print the epoch's line."""
        alphas = "alphas not trained"
        self._last = f"; last epoch: accuracy {100 * summary.weight_accuracy:.1f}%"
        if summary.alpha_accuracy is not None:
            self._last += f", {100 * summary.alpha_accuracy:.1f}%"
        self._last += f", parameter-free {summary.parameter_free}"
        if summary.alpha_loss is not None and summary.alpha_accuracy is not None:
            alphas = f"alphas {summary.alpha_loss:.3f} {100 * summary.alpha_accuracy:.2f}%"
        self._console.print(
            f"{self._name}epoch {summary.epoch:>3}  loss, accuracy: weights {summary.weight_loss:.3f}"
            f" {100 * summary.weight_accuracy:.2f}%, {alphas}  parameter-free {summary.parameter_free}"
            f" (identity {summary.identities})  {summary.seconds:.0f} s",
            highlight=False,
            soft_wrap=True,
        )

    def close(self) -> None:
        """Take the bar down; calling it again does nothing."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class SearchRecorder:
    """Keeps a search's traces in its folder.

    Files: `history.json`, `history.png` (the curves), `alphas.png` (and one for each further aggregation),
    `cells/epoch_001.svg` and so on (the cell derived after each epoch, an edge as thick as its weight), and
    TensorBoard's event file.
    """

    def __init__(self, folder: Path, space: SearchSpace) -> None:
        self._folder = folder
        self._space = space
        self._history: list[EpochSummary] = []
        self._writer = SummaryWriter(str(folder))
        self._plotted = time.perf_counter()

    def resume(self, history: Sequence[EpochSummary]) -> None:
        """Go on after the epochs of a checkpoint."""
        self._history = list(history)

    def step_done(self, epoch: int, share: float, weight_loss: float, alpha_loss: float | None) -> None:
        """Single steps are not recorded."""

    def epoch_done(self, summary: EpochSummary, derived: Derived) -> None:
        """Record the epoch and draw its cell."""
        self._history.append(summary)
        save_history(self._history, self._folder / "history.json")
        self._write_scalars(summary)
        drawing = draw_cell(derived.cell, title=f"after epoch {summary.epoch}", edge_widths=derived.widths())
        try_picture(drawing, self._folder / "cells" / f"epoch_{summary.epoch:03}")
        if time.perf_counter() - self._plotted >= PLOT_SECONDS:
            self._plot()

    def close(self) -> None:
        """Draw the figures to their end and flush TensorBoard's file."""
        if self._history:
            self._plot()
        self._writer.close()

    def _plot(self) -> None:
        plot_curves(self._history, self._folder / "history.png")
        for number, name in enumerate(self._space.aggregations):
            file = "alphas.png" if number == 0 else f"alphas_{name}.png"
            plot_alphas(self._space, self._history, self._folder / file, number)
        self._plotted = time.perf_counter()

    def _write_scalars(self, summary: EpochSummary) -> None:
        values = asdict(summary)
        for name in ("weight_loss", "weight_accuracy", "alpha_loss", "alpha_accuracy"):
            if values[name] is not None:
                kind, _, what = name.partition("_")
                self._writer.add_scalar(f"{what}/{kind}s", values[name], summary.epoch)
        for name in ("parameter_free", "identities", "seconds"):
            self._writer.add_scalar(f"search/{name}", values[name], summary.epoch)
        self._writer.add_text("cell", f"`{summary.cell_digest}`", summary.epoch)
        self._writer.flush()
