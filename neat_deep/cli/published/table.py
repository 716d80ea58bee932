"""The table of the experiment, as Markdown for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from neat_deep.cli.published.rows import LABELS, Row

CHART = "chart.png"
PLUS_MINUS = "\N{PLUS-MINUS SIGN}"
NONE = ""
HOW = (
    "All cells of a data set stand in the same skeleton and are trained from scratch with the same settings, seeds "
    "and examples; each network reads the test set once, after its training.",
    "Searches see training and validation examples alone. NEAT and random search share space, settings and number "
    "of training examples, which random search may exceed by its last networks.",
    "The validation accuracy of NEAT and random search is their best network's after a short training, that of "
    "DARTS its supernet's.",
    "Cells are carried over as they were found: only the skeleton fits the other data set. The vote is of the best "
    "networks of NEAT's search, trained with the first seed, the best of each species first.",
    "Multiply-accumulates are of one example's forward pass, for texts of the longest. Seconds are by the clock, of "
    "one core: a search that uses all cores counts each.",
)


@dataclass(frozen=True)
class About:
    """What the table says of the experiment as a whole; `cuts` are what its INI files say other than the shipped."""

    scale: str
    summary: str
    seed: int
    steps: int
    done: int
    core_minutes: float
    machine: str
    versions: str
    date: str
    cuts: tuple[tuple[str, str, tuple[str, ...]], ...]  # file, the shipped one that it comes from, changes
    pictures: tuple[str, ...] = ()  # files of pictures that are there

    @property
    def is_complete(self) -> bool:
        """Whether every step is done."""
        return self.done == self.steps


def table_json(about: About, rows: Sequence[Row]) -> str:
    """All figures; accuracies are shares (0..1)."""
    content = {
        "format": "neat-deep published table",
        "version": 1,
        "complete": about.is_complete,
        **asdict(about),
        "rows": [{**asdict(row), "mean": row.mean, "standard_deviation": row.deviation} for row in rows],
    }
    return json.dumps(content, indent=2) + "\n"


def table_markdown(about: About, rows: Sequence[Row]) -> str:
    """The page: test accuracies as the published table has them, then sizes, costs and how it was done."""
    state = "" if about.is_complete else f" **Not finished: {about.done} of {about.steps} steps are done.**"
    headings, lines = accuracy_grid(rows)
    parts = [
        f"# The published experiment at the scale `{about.scale}`",
        f"{about.summary[0].upper()}{about.summary[1:]}. Seed {about.seed}, {about.date}, "
        f"{about.core_minutes:.1f} minutes of one core, {about.machine}, {about.versions}.{state}",
        "## Test accuracy",
        "Mean and standard deviation over the seeds, in percent; published figures in brackets. The highest mean of "
        "each data set is bold.",
        _markdown(headings, [[f"**{text}**" if best else text for text, best in line] for line in lines]),
        *([f"![test accuracies]({CHART})"] if CHART in about.pictures else []),
        "## Sizes and costs",
        _costs(rows),
        *_failures(rows),
        *[f"![{name}]({name})" for name in about.pictures if name != CHART and name.endswith(".svg")],
        "## How",
        "\n".join(f"- {line}" for line in HOW),
        "## Settings",
        "Files in `experiments/`, and what they say other than the shipped ones:",
        "\n".join(_settings(about)),
    ]
    return "\n\n".join(parts) + "\n"


def accuracy_grid(rows: Sequence[Row]) -> tuple[list[str], list[list[tuple[str, bool]]]]:
    """The table as published: its headings, and for each architecture its name and a text for each data set.

    With each text stands whether it is the highest mean of its data set.
    """
    titles = list(dict.fromkeys(row.title for row in rows))
    best = {title: max((row.mean for row in rows if row.title == title and row.mean), default=None) for title in titles}
    lines = []
    for source in LABELS:
        own = {row.title: row for row in rows if row.source == source}
        if own:
            texts = [(_accuracy(own.get(title)), _is_best(own.get(title), best[title])) for title in titles]
            lines.append([(next(iter(own.values())).label, False), *texts])
    return ["", *titles], lines


def _is_best(row: Row | None, best: float | None) -> bool:
    return row is not None and row.mean is not None and row.mean == best


def _accuracy(row: Row | None) -> str:
    if row is None:
        return NONE
    text = "failed" if row.failures else "to come"
    if row.mean is not None:
        text = f"{100 * row.mean:.2f}"
        if row.deviation is not None:
            text += f" {PLUS_MINUS} {100 * row.deviation:.2f}"
        missing = row.asked - len(row.accuracies)
        if missing:
            text += f", {missing} of {row.asked} {'failed' if len(row.failures) == missing else 'to come'}"
    return text if row.published is None else f"{text} ({100 * row.published:.2f})"


def _costs(rows: Sequence[Row]) -> str:
    headings = [
        "data set", "architecture", "test accuracy by seed", "parameters", "multiply-accumulates", "nodes",
        "seconds of a training", "validation accuracy in the search", "search: examples", "networks", "seconds",
    ]  # fmt: skip
    lines = [
        [
            row.title,
            row.label,
            ", ".join(f"{100 * accuracy:.2f}" for accuracy in row.accuracies),
            _number(row.parameters),
            _number(row.macs),
            _number(row.nodes),
            _number(row.training_seconds, ".1f"),
            NONE if row.validation is None else f"{100 * row.validation:.2f}",
            _number(row.search_samples),
            _number(row.search_networks),
            _number(row.search_seconds, ".0f"),
        ]
        for row in rows
    ]
    return _markdown(headings, lines)


def _failures(rows: Sequence[Row]) -> list[str]:
    lines = [f"- {row.title}, {row.label}, {failure}" for row in rows for failure in row.failures]
    return ["Trainings that came to nothing, and count in no mean:\n\n" + "\n".join(lines)] if lines else []


def _settings(about: About) -> list[str]:
    lines = []
    for name, config, changes in about.cuts:
        listed = ", ".join(f"`{change}`" for change in changes)
        lines.append(f"- `{name}`: `{config}` {f'with {listed}' if listed else 'as it is'}")
    return lines


def _number(value: float | None, form: str = "") -> str:
    return NONE if value is None else f"{value:,{form}}"


def _markdown(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in headings[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in [headings, rule, *lines])
