"""The experiment on the screen: what it will cost, what is done, what runs, and how long the rest takes."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from neat_deep.cli.published.cost import Seconds, minutes_on
from neat_deep.cli.published.folder import Result
from neat_deep.cli.published.plan import VOTE, Step
from neat_deep.cli.published.rows import LABELS

SHOWN = 4  # steps that run, by name; of more there is no room


def cost_table(plan: Sequence[Step], remaining: Sequence[Step], seconds: Seconds) -> Table:
    """What is left to do, and its minutes of one core: a row for each data set."""
    table = Table(title="to do, in minutes of one core")
    for heading in ("data set", "searches", "minutes", "trainings and votes", "minutes"):
        table.add_column(heading, justify="left" if heading == "data set" else "right")
    for data in dict.fromkeys(step.data for step in plan):
        cells = []
        for is_search in (True, False):
            steps = [step for step in remaining if step.data == data and (step.kind == "search") == is_search]
            cells += [str(len(steps) or ""), _minutes(steps, seconds)]
        table.add_row(data, *cells)
    return table


def _minutes(steps: Sequence[Step], seconds: Seconds) -> str:
    return f"{sum(seconds[step.name] for step in steps) / 60:.1f}" if steps else ""


def describe(step: Step) -> str:
    """What a step is, in words."""
    if step.kind == "search":
        return f"search by {LABELS[step.source].removesuffix(' search')} on {step.data}"
    if step.kind == "vote":
        return f"vote on {step.data}"
    place = "" if step.place == 1 else f" (network {step.place} for the vote)"
    return f"training on {step.data}, {LABELS[step.source]}{place}, seed {step.seed}"


class StepReporter:
    """Within its block shows a bar with all steps while they run side by side, or a line for each as it ends.

    Searches that use all cores have their own bars, between two lines of this one.
    """

    def __init__(
        self, console: Console, plan: Sequence[Step], remaining: Sequence[Step], seconds: Seconds, cores: int
    ) -> None:
        self._console = console
        self._total = len(plan)
        self._remaining = {step.name: step for step in remaining}
        self._seconds = seconds
        self._cores = cores
        self._expected = self._taken = 0.0  # seconds of the steps that ended
        self._running: dict[str, Step] = {}
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> StepReporter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def began(self, step: Step) -> None:
        """Say so."""
        self._running[step.name] = step
        if step.all_cores:
            self._print(f"{describe(step)} begins")
        elif self._console.is_terminal:
            self._show()

    def ended(self, step: Step, result: Result, seconds: float) -> None:
        """Print the step's line, and move the bar."""
        del self._running[step.name], self._remaining[step.name]
        self._expected += self._seconds[step.name] / (self._cores if step.all_cores else 1)
        self._taken += seconds
        done = self._total - len(self._remaining)
        time_left = f"; {self._time_left()}" if self._remaining else ""
        self._print(f"[{done} of {self._total}] {describe(step)}: {_outcome(step, result)}, {seconds:.0f} s{time_left}")
        if self._bar is not None:
            self._show()

    def _show(self) -> None:
        if self._bar is None:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
            )
            self._bar = Progress(*columns, console=self._console, transient=True, refresh_per_second=2)
            self._task = self._bar.add_task("steps", total=self._total, note="")
            self._bar.start()
        names = [describe(step) for step in self._running.values()]
        more = [f"{len(names) - SHOWN} more"] if len(names) > SHOWN else []
        note = "; ".join([self._time_left(), *names[:SHOWN], *more])
        self._bar.update(self._task, completed=self._total - len(self._remaining), note=note)

    def _time_left(self) -> str:
        """As measured before, but for how fast the steps that ended were."""
        pace = self._taken / self._expected if self._expected else 1.0
        minutes = pace * minutes_on(self._cores, [*self._remaining.values()], self._seconds)
        return f"about {minutes:.1f} minutes left" if minutes >= 1 else f"about {60 * minutes:.0f} s left"

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, soft_wrap=True)


def _outcome(step: Step, result: Result) -> str:
    if "failed" in result:
        return f"failed ({result['failed']})"
    if "missing" in result:
        return f"none ({result['missing']})"
    if step.kind == "search":
        accuracy = result.get("validation_accuracy")
        return "done" if accuracy is None else f"validation accuracy {100 * accuracy:.2f}%"
    voters = f" of {len(result['member_accuracies'])} networks" if step.source == VOTE else ""
    return f"test accuracy{voters} {100 * result['test_accuracy']:.2f}%"
