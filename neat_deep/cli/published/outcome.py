"""What the experiment came to so far: the table in its folder, written anew as each step ends, and the pictures."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Sequence
from importlib.metadata import version

from rich.console import Console
from rich.table import Table

from neat_deep.base.devices import cores
from neat_deep.base.files import write_text
from neat_deep.cli.published.folder import ExperimentFolder, Result
from neat_deep.cli.published.pictures import draw_pictures
from neat_deep.cli.published.plan import Step
from neat_deep.cli.published.rows import Row, gather_rows
from neat_deep.cli.published.scale import Scale
from neat_deep.cli.published.table import About, accuracy_grid, table_json, table_markdown
from neat_deep.cli.published.texts import ini_settings

PAGE, NUMBERS = "table.md", "table.json"


class Outcome:
    """The results of a plan in a folder; it hears of each step that ends."""

    def __init__(self, scale: Scale, seed: int, plan: Sequence[Step], folder: ExperimentFolder) -> None:
        self._scale = scale
        self._seed = seed
        self._plan = plan
        self._folder = folder

    def began(self, step: Step) -> None:
        """Nothing to write."""

    def ended(self, step: Step, result: Result, seconds: float) -> None:
        """Write the table so far."""
        self._write(self._results(), ())

    def show(self, console: Console) -> None:
        """Draw the pictures, write the table, and show its accuracies."""
        results = self._results()
        rows = gather_rows(self._scale, self._plan, results)
        pictures = draw_pictures(self._scale, rows, results, self._folder.path, console)
        self._write(results, pictures)
        console.print(_screen_table(rows))
        files = ", ".join([PAGE, NUMBERS, *pictures])
        console.print(f"written to {self._folder.path}: {files}", highlight=False, soft_wrap=True)

    def _results(self) -> dict[str, Result]:
        results = {step.name: self._folder.result(step) for step in self._plan}
        return {name: result for name, result in results.items() if result is not None}

    def _write(self, results: dict[str, Result], pictures: tuple[str, ...]) -> None:
        rows = gather_rows(self._scale, self._plan, results)
        about = self._about(results, pictures)
        write_text(self._folder.path / PAGE, table_markdown(about, rows))
        write_text(self._folder.path / NUMBERS, table_json(about, rows))

    def _about(self, results: dict[str, Result], pictures: tuple[str, ...]) -> About:
        count = cores()
        files = ini_settings(self._scale).items()
        return About(
            scale=self._scale.name,
            summary=self._scale.summary,
            seed=self._seed,
            steps=len(self._plan),
            done=len(results),
            core_minutes=sum(map(_core_seconds, results.values())) / 60,
            machine=f"{count} core{'s' if count > 1 else ''} of {platform.machine()}",
            versions=f"neat-deep {version('neat-deep')}, torch {version('torch')}, Python {platform.python_version()}",
            date=datetime.date.today().isoformat(),
            cuts=tuple(
                (name, settings.config, tuple(f"{place} = {value}" for place, value in settings.changes.items()))
                for name, settings in files
            ),
            pictures=pictures,
        )


def _core_seconds(result: Result) -> float:
    seconds: float = result.get("core_seconds") or result.get("seconds") or 0.0
    return seconds


def _screen_table(rows: Sequence[Row]) -> Table:
    headings, lines = accuracy_grid(rows)
    table = Table(title="test accuracy in percent, mean and standard deviation (published)")
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left")
    for line in lines:
        table.add_row(*(f"{text} *" if best else text for text, best in line))
    table.caption = "* the highest of its data set"
    return table
