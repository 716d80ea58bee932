"""The figures of a search by gradient descent: its curves, and every edge's softmax weights over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullLocator

from darts.history import EpochSummary
from darts.search_space import Candidate, SearchSpace
from neat_deep.base.errors import OutputError
from neat_deep.ops import get_op
from neat_deep.reports.pictures.drawing import input_label
from neat_deep.reports.pictures.labels import CUSTOM_COLOURS, FAMILY_COLOURS
from neat_deep.reports.pictures.plots import BLUE, DPI, INK, MUTED, PALE_BLUE, PALE_TEAL, TEAL, save_figure, style_axes
from neat_deep.space.cell_graph import IDENTITY, NONE

NONE_COLOUR = "#111827"
Dashes = Literal["-", "--", ":", "-."]
DASHES: tuple[Dashes, ...] = ("-", "--", ":", "-.")  # one for each activation, in the search space's order
NONE_DASHES: Dashes = ":"
TICK_SIZE = 8  # points: small panels stand side by side
PANEL = (2.7, 1.9)  # inches
LABEL_ROOM = 1.45  # the axis is so much longer than the curves: the strongest candidate's name stands at their end


def plot_curves(history: Sequence[EpochSummary], path: Path) -> None:
    """Write the curves as a PNG file, whole or not at all; raises `OutputError`."""
    save_figure(draw_curves(history), path)


def plot_alphas(space: SearchSpace, history: Sequence[EpochSummary], path: Path, aggregation: int = 0) -> None:
    """Write the softmax weights as a PNG file, whole or not at all; raises `OutputError`."""
    save_figure(draw_alphas(space, history, aggregation), path)


def draw_curves(history: Sequence[EpochSummary]) -> Figure:
    """Loss and accuracy on both parts of the training examples, and the parameter-free ops of the derived cell.

    Raises `OutputError` when there is no epoch to show.
    """
    _check(history)
    layout = ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.12)  # inches
    figure = Figure(figsize=(8, 7), dpi=DPI, layout=layout, facecolor="white")
    losses, accuracies, counts = figure.subplots(3, 1, sharex=True, height_ratios=(2, 2, 1.2))
    epochs = [e.epoch for e in history]
    marks = {"marker": "o", "markersize": 4}
    losses.plot(epochs, [e.weight_loss for e in history], color=BLUE, label="weights' half", **marks)
    losses.plot(epochs, _numbers(e.alpha_loss for e in history), color=PALE_BLUE, label="alphas' half", **marks)
    losses.set_yscale("log")
    losses.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    losses.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    losses.yaxis.set_minor_locator(NullLocator())
    losses.set_ylabel("loss", color=MUTED)
    accuracies.plot(epochs, [100 * e.weight_accuracy for e in history], color=TEAL, label="weights' half", **marks)
    percent = [100 * a for a in _numbers(e.alpha_accuracy for e in history)]
    accuracies.plot(epochs, percent, color=PALE_TEAL, label="alphas' half", **marks)
    accuracies.set_ylabel("accuracy (%)", color=MUTED)
    counts.bar(epochs, [e.parameter_free for e in history], color="#CBD5E1", width=0.75, label="parameter-free ops")
    counts.bar(epochs, [e.identities for e in history], color=MUTED, width=0.75, label="of them identity")
    counts.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    counts.set_ylim(0, 1.15 * max(1, *(e.parameter_free for e in history)))
    counts.set_ylabel("edges", color=MUTED)
    counts.set_xlabel("epoch", color=MUTED)
    counts.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    for axes in (losses, accuracies, counts):
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, frameon=False, ncols=2, labelcolor=INK)
        style_axes(axes, label_size=TICK_SIZE)
    figure.align_ylabels()
    return figure


def draw_alphas(space: SearchSpace, history: Sequence[EpochSummary], aggregation: int = 0) -> Figure:
    """One panel for each edge, a row of them for each node: every candidate's softmax weight over the epochs.

    The colour is the op's family, the dashes are the activation; the strongest candidate but `none` is drawn thick
    and named. `aggregation` is the number of the one whose alphas are shown. Raises `OutputError` when there is no
    epoch to show.
    """
    _check(history)
    weights = np.array([epoch.probabilities[aggregation] for epoch in history])  # (epochs, edges, candidates)
    columns = space.num_inputs + space.nodes - 1
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, hspace=0.04)
    size = (PANEL[0] * columns, PANEL[1] * space.nodes + 0.7)
    figure = Figure(figsize=size, dpi=DPI, layout=layout, facecolor="white")
    panels = figure.subplots(space.nodes, columns, sharex=True, sharey=True, squeeze=False)
    epochs = [epoch.epoch for epoch in history]
    used = set()
    for number, (node, source) in enumerate(space.edges):
        axes = panels[node][source]
        used.add((node, source))
        _draw_edge(axes, space, epochs, weights[:, number])
        axes.set_title(f"{_state_name(space, source)} → node {node}", fontsize=9, color=INK, loc="left")
        style_axes(axes, label_size=TICK_SIZE)
    for node in range(space.nodes):
        panels[node][0].set_ylabel("softmax weight", color=MUTED, fontsize=8)
        for column in range(columns):
            if (node, column) not in used:
                panels[node][column].set_visible(False)
    for axes in panels[-1]:
        axes.set_xlabel("epoch", color=MUTED, fontsize=8)
        ticks = MaxNLocator(nbins=5, integer=True, min_n_ticks=1).tick_values(epochs[0], epochs[-1])
        axes.set_xticks([tick for tick in ticks if epochs[0] <= tick <= epochs[-1]])  # not under the names
    figure.legend(
        handles=_legend(space), loc="outside lower center", ncols=6, frameon=False, fontsize=9, labelcolor=INK
    )
    return figure


def _draw_edge(axes: Axes, space: SearchSpace, epochs: Sequence[int], weights: np.ndarray) -> None:
    last = weights[-1]
    rows = [row for row, candidate in enumerate(space.candidates) if candidate.op != NONE]
    strongest = max(rows, key=lambda row: last[row])
    for row, candidate in enumerate(space.candidates):
        best = row == strongest
        plain = best or candidate.op == NONE  # none is often the strongest of all, and must not look like identity
        axes.plot(
            epochs,
            weights[:, row],
            color=_colour(candidate),
            linestyle=_dashes(space, candidate),
            linewidth=2.2 if best else 1.3 if plain else 0.9,
            alpha=1.0 if plain else 0.55,
            marker="o" if len(epochs) == 1 else None,
            markersize=3,
            zorder=3 if best else 2,
        )
    span = max(epochs) - min(epochs) or 1
    axes.set_xlim(min(epochs), min(epochs) + LABEL_ROOM * span)
    name = str(space.candidates[strongest]).replace(" ", "\n")
    axes.annotate(
        name,
        (epochs[-1], last[strongest]),
        xytext=(4, 0),
        textcoords="offset points",
        fontsize=7.5,
        color=_colour(space.candidates[strongest]),
        va="center",
        fontweight="bold",
        annotation_clip=False,
    )


def _legend(space: SearchSpace) -> list[Line2D]:
    families = {get_op(op).family: _colour(Candidate(op)) for op in space.real_ops}
    handles = [Line2D([], [], color=colour, linewidth=2, label=family) for family, colour in families.items()]
    if NONE in space.ops:
        handles.append(Line2D([], [], color=NONE_COLOUR, linewidth=2, linestyle=NONE_DASHES, label=NONE))
    for number, name in enumerate(space.activations):
        label = "no activation" if name == IDENTITY else name
        handles.append(Line2D([], [], color=MUTED, linestyle=DASHES[number % len(DASHES)], label=label))
    return handles


def _colour(candidate: Candidate) -> str:
    if candidate.op == NONE:
        return NONE_COLOUR
    return FAMILY_COLOURS.get(get_op(candidate.op).family, CUSTOM_COLOURS)[1]


def _dashes(space: SearchSpace, candidate: Candidate) -> Dashes:
    if candidate.op == NONE:
        return NONE_DASHES
    return DASHES[space.activations.index(candidate.activation) % len(DASHES)]


def _state_name(space: SearchSpace, state: int) -> str:
    """What the picture of the cell calls it."""
    if state >= space.num_inputs:
        return f"node {state - space.num_inputs}"
    return input_label(state, space.num_inputs)


def _numbers(values: object) -> list[float]:
    """The values with NaN, which leaves a gap in a curve, for None."""
    return [float("nan") if value is None else value for value in values]  # type: ignore[attr-defined]


def _check(history: Sequence[EpochSummary]) -> None:
    if not history:
        raise OutputError("cannot plot a search: its history holds no epoch")
