"""The bar chart of an experiment: a panel for each data set, a bar for each architecture, the seeds on it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from neat_deep.base.errors import OutputError
from neat_deep.reports.pictures.plots import (
    BLUE,
    DPI,
    GREY,
    INK,
    MUTED,
    PALE_BLUE,
    PURPLE,
    TEAL,
    save_figure,
    style_axes,
)

COLOURS = (GREY, TEAL, BLUE, PALE_BLUE, PURPLE, "#B7791F", "#B83A5B")
SEEDS: dict[str, Any] = {"color": INK, "marker": "o", "markersize": 3, "linewidth": 1.2}
MARK: dict[str, Any] = {
    "color": INK, "marker": "D", "markersize": 7, "markerfacecolor": "white", "linestyle": "none"
}  # fmt: skip
VALUE: dict[str, Any] = {"ha": "center", "color": INK, "fontsize": 9.5}
BAR = 0.78  # of the width between two bars
LEAST_RANGE = 0.005  # that an axis shows, or noise would fill a panel
BELOW, ABOVE = 0.45, 0.22  # of what there is to see, shown below the lowest value and above the highest


@dataclass(frozen=True)
class Bar:
    """One architecture: its accuracies (0..1), one a seed, and an accuracy to be marked, if there is one."""

    label: str
    values: tuple[float, ...]
    mark: float | None = None


@dataclass(frozen=True)
class Panel:
    """One data set with its bars; the same label has the same colour in all panels."""

    title: str
    bars: tuple[Bar, ...]


def plot_bars(panels: Sequence[Panel], path: Path, *, marks: str) -> None:
    """Write the chart as a PNG file, whole or not at all; `marks` is what the legend calls the marked accuracies.

    Raises `OutputError` where there is nothing to show, or the file cannot be written.
    """
    save_figure(draw_bars(panels, marks=marks), path)


def draw_bars(panels: Sequence[Panel], *, marks: str) -> Figure:
    """The chart; raises `OutputError` where no bar has a value."""
    shown = [panel for panel in panels if any(bar.values for bar in panel.bars)]
    if not shown:
        raise OutputError("cannot plot accuracies: there is none yet")
    labels = list(dict.fromkeys(bar.label for panel in shown for bar in panel.bars))
    colours = {label: COLOURS[place % len(COLOURS)] for place, label in enumerate(labels)}
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)  # inches
    figure = Figure(figsize=(max(6.5, 3.3 * len(shown)), 5.2), dpi=DPI, layout=layout, facecolor="white")
    row = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, panel in zip(row, shown, strict=True):
        _draw_panel(axes, panel, colours)
    row[0].set_ylabel("test accuracy", color=MUTED)
    handles: list[Patch | Line2D] = [Patch(color=colours[label], label=label) for label in labels]
    handles.append(Line2D([], [], **SEEDS, linestyle="-", label="seeds, standard deviation"))
    if any(bar.mark is not None for panel in shown for bar in panel.bars):
        handles.append(Line2D([], [], **MARK, label=marks))
    figure.legend(
        handles=handles, loc="outside upper left", ncols=len(handles), frameon=False, labelcolor=INK, fontsize=10
    )
    figure.supxlabel("The axes do not begin at zero.", fontsize=8.5, color=MUTED, x=0.99, ha="right")
    return figure


def _draw_panel(axes: Axes, panel: Panel, colours: dict[str, str]) -> None:
    bars = [bar for bar in panel.bars if bar.values]
    seen = [value for bar in bars for value in bar.values]
    seen += [bar.mark for bar in bars if bar.mark is not None]
    means = [statistics.mean(bar.values) for bar in bars]
    deviations = [statistics.stdev(bar.values) if len(bar.values) > 1 else 0.0 for bar in bars]
    seen += [mean + deviation for mean, deviation in zip(means, deviations, strict=True)]
    low, high = min(seen), max(seen)
    span = max(high - low, LEAST_RANGE)
    bottom = max(0.0, low - BELOW * span)
    for place, (bar, mean, deviation) in enumerate(zip(bars, means, deviations, strict=True)):
        axes.bar(place, mean - bottom, bottom=bottom, width=BAR, color=colours[bar.label])
        if len(bar.values) > 1:
            axes.errorbar(place, mean, yerr=deviation, color=INK, capsize=4, linewidth=1.2)
            axes.plot([place] * len(bar.values), bar.values, **SEEDS, linestyle="none")
        if bar.mark is not None:
            axes.plot(place, bar.mark, **MARK)
        top = max(mean + deviation, *bar.values, bar.mark or 0.0)
        axes.annotate(f"{100 * mean:.2f}", (place, top), xytext=(0, 6), textcoords="offset points", **VALUE)
    axes.set_ylim(bottom, high + ABOVE * span)
    axes.set_xlim(-0.6, max(len(bars), 3) - 0.4)
    axes.set_xticks([])
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    axes.set_title(panel.title, color=INK, fontsize=12, fontweight="bold", loc="left")
    style_axes(axes)
