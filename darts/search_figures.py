"""What a search came to, drawn, as lines of the table of results and as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from darts.bilevel import SearchResult
from darts.restarts import Restart
from neat_deep.reports.pictures.render import draw_cell, draw_network, try_picture


def draw_result(searched: SearchResult, folder: Path, shape: tuple[int, ...], classes: int) -> None:
    """Draw the derived cell, and the network, into the run's folder."""
    title = f"derived cell, supernet's validation accuracy {100 * searched.supernet.accuracy:.2f}%"
    try_picture(draw_cell(searched.derived.cell, title=title, edge_widths=searched.derived.widths()), folder / "best")
    try_picture(draw_network(searched.architecture, shape, classes), folder / "network")


def search_figures(searched: SearchResult, epochs: int) -> dict[str, str]:
    """The lines of a search of at most `epochs` in the table of results."""
    derived = "not comparable (partial channels)"
    if searched.inherited is not None:
        derived = f"{100 * searched.inherited.accuracy:.2f}%"
    stopped = f" (stopped early: {searched.why_stopped})" if searched.stopped_early else ""
    if not stopped and len(searched.history) < epochs:
        stopped = f" of {epochs} (the time was short)"
    return {
        "validation accuracy of the supernet": f"{100 * searched.supernet.accuracy:.2f}%",
        "  of the derived cell with its weights": derived,
        "epochs of search": f"{len(searched.history)}{stopped}",
    }


def restart_figures(restarts: Sequence[Restart]) -> dict[str, str]:
    """The line of several searches, none of a single one."""
    if not restarts:
        return {}
    reached = ", ".join("failed" if one.accuracy is None else f"{100 * one.accuracy:.2f}%" for one in restarts)
    return {"searches, and what their cells reached": f"{len(restarts)}: {reached}"}


def search_numbers(searched: SearchResult) -> dict[str, object]:
    """The same as numbers, for `result.json`."""
    return {
        "validation_accuracy": searched.supernet.accuracy,
        "inherited_accuracy": None if searched.inherited is None else searched.inherited.accuracy,
        "search_epochs": len(searched.history),
        "stopped_early": searched.stopped_early,
    }
