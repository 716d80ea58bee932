"""Several cells in one picture, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import graphviz  # type: ignore[import-untyped]

from neat_deep.reports.pictures.drawing import cell_facts
from neat_deep.reports.pictures.labels import inset_label, legend_label, title_label
from neat_deep.reports.pictures.render import INSET, add_cell, add_label, new_drawing
from neat_deep.space.cell_graph import CellGraph

COLUMNS = 2


def draw_cells(cells: Mapping[str, CellGraph], *, title: str) -> graphviz.Digraph:
    """The picture of cells, each in a frame under its name, two in a row, below the title and one legend.

    Motifs are shown as the nodes that they stand for.
    """
    facts = {
        name: cell_facts(cell.flat(), prefix=f"cell{number}_") for number, (name, cell) in enumerate(cells.items())
    }
    drawing = new_drawing()
    drawing.attr(packmode=f"array_itc{COLUMNS}")
    names = [*facts]
    rows = [names[first : first + COLUMNS] for first in range(0, len(names), COLUMNS)]
    # graphviz fills the rows from the bottom, each from the left.
    for row in reversed(rows):
        for name in row:
            frame = {**INSET, "label": inset_label(name)}
            with drawing.subgraph(name=f"cluster_{names.index(name)}", graph_attr=frame) as part:
                add_cell(part, facts[name])
        for place in range(len(row), COLUMNS):
            with drawing.subgraph(name=f"cluster_empty{place}", graph_attr={"style": "invis"}) as part:
                part.node(f"empty{place}", "", style="invis")
    add_label(drawing, "title", title_label(title))
    # Of all cells: what occurs in any of them.
    boxes = tuple(box for one in facts.values() for box in one.boxes)
    wires = tuple(wire for one in facts.values() for wire in one.wires)
    add_label(drawing, "legend", legend_label(replace(next(iter(facts.values())), boxes=boxes, wires=wires)))
    return drawing
