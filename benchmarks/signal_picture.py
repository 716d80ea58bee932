"""The picture of a table of cells: how well each signal ranks cells, against the seconds that it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from neat_deep.reports.pictures.plots import (
    AXIS,
    BLUE,
    DPI,
    INK,
    MUTED,
    PALE_BLUE,
    PALE_TEAL,
    TEAL,
    save_figure,
    style_axes,
)

LEAST_SECONDS = 0.01  # what costs less is drawn there: a logarithm has no zero
CEILING = "full training, another seed"


class Family(NamedTuple):
    """Signals that differ in how long they train: what their names begin with, and how they are drawn."""

    prefix: str
    label: str
    colour: str
    line: str


FAMILIES = (
    Family("accuracy, short training of ", "accuracy after a short training", BLUE, "-"),
    Family("sum of losses, short training of ", "sum of its losses", PALE_BLUE, "--"),
    Family("accuracy, first ", "accuracy on the way of the full training", TEAL, "-"),
    Family("sum of losses, first ", "sum of its losses so far", PALE_TEAL, "--"),
)


def plot_signals(figures: Mapping[str, Mapping[str, float]], title: str, path: Path) -> None:
    """Write Spearman's rho of each signal, with its standard error, against seconds a cell, as a PNG file.

    `figures` are those of `cell_table.report`. Raises `OutputError`.
    """
    figure = Figure(figsize=(9, 5.5), dpi=DPI, layout="constrained", facecolor="white")
    axes = figure.subplots()
    axes.set_xscale("log")
    drawn: set[str] = set()
    for family in FAMILIES:
        rows = [(name, row) for name, row in figures.items() if name.startswith(family.prefix)]
        if rows:
            _draw(axes, (row for _, row in rows), family)
            for name, row in (rows[0], rows[-1]):
                epochs = name.removeprefix(family.prefix).split()[0]
                _write(axes, row, "1 epoch" if epochs == "1" else f"{epochs} epochs")
            drawn.update(name for name, _ in rows)
    others = {name: row for name, row in figures.items() if name not in drawn | {CEILING}}
    if others:
        _draw(axes, others.values(), Family("", "without any training", INK, "none"))
        places: dict[tuple[float, float], list[str]] = {}  # two may be level, as parameters and multiply-accumulates
        for name, row in others.items():
            places.setdefault((row["seconds"], round(row["rho"], 2)), []).append(name.removesuffix(", untrained"))
        for (seconds, rho), names in places.items():
            _write(axes, {"seconds": seconds, "rho": rho}, ", ".join(names))
    if CEILING in figures:
        axes.axhline(figures[CEILING]["rho"], color=AXIS, linestyle=":", label=CEILING)
    axes.set_title(title, loc="left", color=INK, fontsize=11)
    axes.set_xlabel("seconds of one core for a cell", color=MUTED)
    axes.set_ylabel("rank correlation with full training", color=MUTED)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:g}")
    style_axes(axes)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    save_figure(figure, path)


def _draw(axes: Axes, rows: Iterable[Mapping[str, float]], family: Family) -> None:
    ordered = sorted(rows, key=lambda row: row["seconds"])
    axes.errorbar(
        [max(row["seconds"], LEAST_SECONDS) for row in ordered],
        [row["rho"] for row in ordered],
        [row["error"] for row in ordered],
        color=family.colour,
        linestyle=family.line,
        marker="o",
        markersize=5,
        linewidth=1.5,
        elinewidth=0.7,
        label=family.label,
    )


def _write(axes: Axes, row: Mapping[str, float], text: str) -> None:
    place = (max(row["seconds"], LEAST_SECONDS), row["rho"])
    axes.annotate(text, place, xytext=(6, 4), textcoords="offset points", fontsize=8, color=MUTED)
