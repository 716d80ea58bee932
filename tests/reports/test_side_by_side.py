"""Several cells in one picture."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neat_deep.base.shipped import architecture_file
from neat_deep.reports.pictures.render import find_renderer, svg_text
from neat_deep.reports.pictures.side_by_side import draw_cells
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph


def cell(name: str) -> CellGraph:
    with architecture_file(Path(name)) as path:
        return Architecture.load(path).cell


@pytest.mark.skipif(find_renderer() is None, reason="there is no Graphviz")
def test_cells_stand_in_their_order_two_in_a_row_below_title_and_legend() -> None:
    cells = {"by hand": cell("resnet_block"), "NEAT": cell("texts/averages"), "DARTS": cell("texts/linear")}
    svg = svg_text(draw_cells(cells, title="all of them"))
    assert svg is not None
    places = {
        text: (float(x), float(y))
        for x, y, text in re.findall(r'<text [^>]*x="([-\d.]+)" y="([-\d.]+)"[^>]*>([^<]+)</text>', svg)
    }
    hand, neat, darts, title = (places[name] for name in ("by hand", "NEAT", "DARTS", "all of them"))
    assert title[1] < hand[1] < darts[1]  # from top to bottom
    assert hand[0] < neat[0] and abs(hand[1] - neat[1]) < abs(hand[1] - darts[1])
    assert abs(hand[0] - darts[0]) < 20  # below each other
    assert svg.count(">input<") == svg.count(">output<") == 3
    assert "attention" not in svg and "pooling" in svg  # the legend has what occurs
