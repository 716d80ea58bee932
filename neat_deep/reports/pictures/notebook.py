"""What cells, architectures and the results of searches show of themselves in a notebook."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape

from neat_deep.base.errors import OutputError
from neat_deep.reports.pictures.render import draw_cell, svg_text
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph
from neat_deep.space.showing import picture_of


def cell_svg(cell: CellGraph) -> str | None:
    """A cell as SVG; None where Graphviz cannot draw, and the notebook then shows its text."""
    return _drawn(cell, "")


def architecture_svg(architecture: Architecture) -> str | None:
    """An architecture's cell as SVG, under a line about its skeleton; None where Graphviz cannot draw."""
    skeleton = architecture.skeleton
    reductions = f", reduced after {' '.join(map(str, skeleton.reduce_after))}" if skeleton.reduce_after else ""
    return _drawn(architecture.cell, f"{skeleton.cells} such cells, {skeleton.channels} channels{reductions}")


def result_html(figures: Mapping[str, str], architecture: Architecture | None) -> str:
    """What a search came to as HTML: a table of `figures`, and the picture of its best network where there is one."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th><td style='text-align:right'>{escape(value)}</td></tr>"
        for name, value in figures.items()
    )
    picture = None if architecture is None else picture_of(architecture)
    if picture is None:
        return f"<table>{rows}</table>"
    # As an image of its own: the names within one picture must not meet those of the next.
    data = base64.b64encode(picture.encode()).decode()
    return f"<table>{rows}</table><img alt='the best network' src='data:image/svg+xml;base64,{data}'>"


def _drawn(cell: CellGraph, title: str) -> str | None:
    try:
        return svg_text(draw_cell(cell, title=title))
    except OutputError:
        return None
