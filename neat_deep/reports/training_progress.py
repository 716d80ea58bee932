"""A training on the screen: a bar on a terminal, a line for an epoch elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from neat_deep.base.screen import has_bars
from neat_deep.training.fit import Progress as TrainingProgress

LINE_SECONDS = 10.0  # between two lines: more of them tell nothing new, and fill a log


class TrainingReporter:
    """Within its block, shows one training, called `name`, at each step that `show` hears of.

    Where there can be no bar (`has_bars`) the first epoch and the last have a line as they end, and the epochs between
    them where the line before is `LINE_SECONDS` old.
    """

    def __init__(self, console: Console, name: str) -> None:
        self._console = console
        self._name = name
        self._started = self._printed_at = self._last_at = time.monotonic()
        self._last: TrainingProgress | None = None  # step, at `_last_at`
        self._printed = 0  # the epoch of the last line
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> TrainingReporter:
        if has_bars(self._console):
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[note]}"),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self._console, transient=True, refresh_per_second=2)
            self._task = self._bar.add_task(self._name, total=1.0, note="")
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._last is not None and kind is None:
            self._print(self._last, ended=True)

    def show(self, progress: TrainingProgress) -> None:
        """Tell of one step."""
        if self._bar is not None:
            note = f"epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.3f}"
            self._bar.update(self._task, completed=progress.work, note=note)
            return
        is_due = not self._printed or self._last_at - self._printed_at >= LINE_SECONDS
        if is_due and self._last is not None and self._last.epoch < progress.epoch:  # an epoch ended
            self._print(self._last)
        self._last, self._last_at = progress, time.monotonic()

    def _print(self, progress: TrainingProgress, *, ended: bool = False) -> None:
        self._printed, self._printed_at = progress.epoch, self._last_at
        seconds = self._printed_at - self._started
        seconds_left = seconds * (1 - progress.work) / progress.work
        time_left = f"{seconds_left / 60:.1f} minutes left" if seconds_left >= 60 else f"{seconds_left:.0f} s left"
        self._console.print(
            f"{self._name}, epoch {progress.epoch} of {progress.epochs}: loss {progress.loss:.3f}, {seconds:.0f} s; "
            f"{'done' if ended else time_left}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
