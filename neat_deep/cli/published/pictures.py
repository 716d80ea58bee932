"""The pictures of the experiment: the bar chart, and the cells of each kind of data side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from neat_deep.base.errors import OutputError
from neat_deep.cli.published.folder import Result
from neat_deep.cli.published.plan import HAND, SOURCES
from neat_deep.cli.published.rows import LABELS, Row
from neat_deep.cli.published.scale import Domain, Scale
from neat_deep.cli.published.table import CHART
from neat_deep.cli.published.training import load_by_hand
from neat_deep.reports.pictures.accuracy_bars import Bar, Panel, plot_bars
from neat_deep.reports.pictures.render import find_renderer, save_picture
from neat_deep.reports.pictures.side_by_side import draw_cells
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph


def draw_pictures(
    scale: Scale, rows: Sequence[Row], results: Mapping[str, Result], folder: Path, console: Console
) -> tuple[str, ...]:
    """Draw what can be drawn; returns the names of the files. Without Graphviz a line says that the cells are missing.

    `results` are what the searches came to, by the names of the steps.
    """
    plot_bars(_panels(rows), folder / CHART, marks="published")
    files = [CHART]
    if find_renderer() is None:
        console.print(
            "no pictures of the cells: no Graphviz here; pip install graphviz-pure, or install Graphviz, and give the "
            "same command again",
            soft_wrap=True,
        )
        return tuple(files)
    for domain in scale.domains:
        cells = {LABELS[source]: cell for source in SOURCES if (cell := _cell(domain, source, results)) is not None}
        title = f"Cells for {domain.name}, searched on {domain.searched.title}"
        try:
            files += [
                path.name for path in save_picture(draw_cells(cells, title=title), folder / f"cells_{domain.name}")
            ]
        except OutputError as error:  # of the renderer: the figures are worth more than a picture
            console.print(f"no picture of the cells for {domain.name}: {error}", soft_wrap=True)
    return tuple(files)


def _panels(rows: Sequence[Row]) -> list[Panel]:
    titles = dict.fromkeys(row.title for row in rows)
    return [
        Panel(title, tuple(Bar(row.label, row.accuracies, row.published) for row in rows if row.title == title))
        for title in titles
    ]


def _cell(domain: Domain, source: str, results: Mapping[str, Result]) -> CellGraph | None:
    """The cell from a source, None where its search is not done."""
    if source == HAND:
        return load_by_hand(domain.by_hand)
    result = results.get(f"search-{domain.searched.name}-{source}")
    return None if result is None else Architecture.from_json(result["architectures"][0]).tidy().cell
