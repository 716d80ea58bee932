"""The figure of a search: fitness, network size, species and work, generation by generation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from neat_deep.base.errors import OutputError
from neat_deep.base.files import replacing
from neat_deep.reports.summary import GenerationSummary

DPI = 144
LOG_FROM = 20.0  # parameters that span more than this factor are shown on a logarithmic axis

LEAST_GENERATIONS = 6  # the axis has room for so many, or the bars of a short search would be slabs

INK = "#1F2937"
MUTED = "#6B7280"
AXIS = "#9CA3AF"
GRID = "#E5E7EB"
GREY = "#CBD5E1"
BLUE, PALE_BLUE = "#2F6BB5", "#8DB3E2"
TEAL, PALE_TEAL = "#1C7F70", "#8CC5BB"
PURPLE = "#7548B5"
RED = "#B83A5B"


def plot_history(history: Sequence[GenerationSummary], path: Path) -> None:
    """Write the figure of a search as a PNG file, whole or not at all.

    Raises `OutputError` when there is no generation to show or the file cannot be written.
    """
    save_figure(draw_history(history), path)


def plot_front(points: Sequence[tuple[int, float]], front: Sequence[tuple[int, float]], path: Path) -> None:
    """Write accuracy against parameters of all networks and of the Pareto front, as a PNG file, whole or not at all."""
    layout = ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.12)  # inches
    figure = Figure(figsize=(8, 5), dpi=DPI, layout=layout, facecolor="white")
    axes = figure.subplots()
    axes.plot(
        *zip(*points, strict=True), color=GREY, marker="o", markersize=5, linestyle="none", label="trained in full"
    )
    axes.plot(
        *zip(*front, strict=True), color=BLUE, marker="o", markersize=6, drawstyle="steps-post", label="Pareto front"
    )
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlabel("parameters in the search", color=MUTED)
    _show_accuracies(axes)
    _add_legend(axes)
    style_axes(axes)
    save_figure(figure, path)


def _show_accuracies(axes: Axes) -> None:
    """The axis of what is drawn already: in percent, and not beyond all of them."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, min(high, 1 + 0.02 * (1 - low)))  # a mark on 100% is not cut
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axes.set_ylabel("validation accuracy", color=MUTED)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG file, whole or not at all; raises `OutputError`."""
    with replacing(path) as beside:
        FigureCanvasAgg(figure).print_png(beside)


def draw_history(history: Sequence[GenerationSummary]) -> Figure:
    """The figure of a search: panels of validation accuracy, parameters, species and work over the generations.

    Raises `OutputError` when there is no generation to show.
    """
    if not history:
        raise OutputError("cannot plot a search: its history holds no generation")
    layout = ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.12)  # inches
    figure = Figure(figsize=(8, 9), dpi=DPI, layout=layout, facecolor="white")
    panels = figure.subplots(4, 1, sharex=True, height_ratios=(3, 2, 1.2, 1.6))
    for axes, draw in zip(panels, (_plot_accuracy, _plot_parameters, _plot_species, _plot_work), strict=True):
        draw(axes, history)
        style_axes(axes)
    first, last = history[0].generation, history[-1].generation
    bottom = panels[-1]
    bottom.set_xlim(first - 0.6, max(last, first + LEAST_GENERATIONS - 1) + 0.6)  # half a bar beyond both ends
    bottom.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    bottom.set_xlabel("generation", color=MUTED)
    figure.align_ylabels()
    return figure


def _plot_accuracy(axes: Axes, history: Sequence[GenerationSummary]) -> None:
    generations = [g.generation for g in history]
    best = [g.best for g in history]
    so_far = np.fmax.accumulate(best)  # fmax passes over NaN
    axes.plot(generations, so_far, color=INK, linewidth=2, label="best so far")
    axes.plot(generations, best, color=BLUE, marker="o", markersize=5, linestyle="none", label="best of the generation")
    axes.plot(generations, [g.median for g in history], color=PALE_BLUE, marker="o", markersize=4, label="median")
    _show_accuracies(axes)
    _add_legend(axes)


def _plot_parameters(axes: Axes, history: Sequence[GenerationSummary]) -> None:
    generations = [g.generation for g in history]
    best = [g.best_parameters for g in history]
    median = [g.median_parameters for g in history]
    axes.plot(generations, best, color=TEAL, marker="o", markersize=4, label="best network")
    axes.plot(generations, median, color=PALE_TEAL, marker="o", markersize=4, label="median")
    least = min(*best, *median)
    if least > 0 and max(*best, *median) > LOG_FROM * least:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))  # 20k, 1.5M
    axes.set_ylabel("parameters", color=MUTED)
    _add_legend(axes)


def _plot_species(axes: Axes, history: Sequence[GenerationSummary]) -> None:
    counts = [g.species for g in history]
    axes.plot([g.generation for g in history], counts, color=PURPLE, marker="o", markersize=4)
    axes.set_ylim(0, 1.15 * max(1, *counts))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10], integer=True))
    axes.set_ylabel("species", color=MUTED)


def _plot_work(axes: Axes, history: Sequence[GenerationSummary]) -> None:
    generations = [g.generation for g in history]
    below = [0] * len(history)
    parts = (
        ("scored", BLUE, [g.scored for g in history]),
        ("reused", GREY, [g.reused for g in history]),
        ("failed", RED, [g.failed for g in history]),
    )
    for label, colour, counts in parts:
        axes.bar(generations, counts, bottom=below, color=colour, width=0.75, label=label)
        below = [b + c for b, c in zip(below, counts, strict=True)]
    axes.set_ylim(0, 1.08 * max(1, *below))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10], integer=True))
    axes.set_ylabel("genomes", color=MUTED)
    _add_legend(axes)


def _add_legend(axes: Axes) -> None:
    """The legend in one line above the panel, where it covers no data."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, frameon=False, ncols=3, labelcolor=INK)


def style_axes(axes: Axes, *, label_size: float = 9) -> None:
    """The look that all figures share: two spines, muted ticks, faint lines across."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(AXIS)
    axes.tick_params(which="both", colors=MUTED, labelsize=label_size)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
