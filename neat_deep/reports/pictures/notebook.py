"""The pictures that cells and architectures show of themselves in a notebook."""

from __future__ import annotations

from neat_deep.base.errors import OutputError
from neat_deep.reports.pictures.render import draw_cell, svg_text
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph


def cell_svg(cell: CellGraph) -> str | None:
    """A cell as SVG; None where Graphviz cannot draw, and the notebook then shows its text."""
    return _drawn(cell, "")


def architecture_svg(architecture: Architecture) -> str | None:
    """An architecture's cell as SVG, under a line about its skeleton; None where Graphviz cannot draw."""
    skeleton = architecture.skeleton
    reductions = f", reduced after {' '.join(map(str, skeleton.reduce_after))}" if skeleton.reduce_after else ""
    return _drawn(architecture.cell, f"{skeleton.cells} such cells, {skeleton.channels} channels{reductions}")


def _drawn(cell: CellGraph, title: str) -> str | None:
    try:
        return svg_text(draw_cell(cell, title=title))
    except OutputError:
        return None
