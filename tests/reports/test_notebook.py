"""A cell, and an architecture, show themselves as pictures in a notebook."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from neat_deep.reports.pictures import render
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.space.showing import draw_with, picture_of

CELL = CellGraph(1, (CellNode((Edge(0, "sep_conv_3", "relu"), Edge(0, "max_pool_3"))),))


@pytest.mark.parametrize("thing", [CELL, Architecture(CELL, Skeleton(channels=24, cells=5))], ids=["cell", "whole"])
def test_it_is_an_svg_with_the_ops(thing: CellGraph | Architecture) -> None:
    picture = thing._repr_svg_()
    assert picture is not None
    assert ET.fromstring(picture).tag.endswith("svg")  # noqa: S314 - our own picture
    assert "sep_conv_3" in picture and "max_pool_3" in picture
    assert ("24 channels" in picture) == isinstance(thing, Architecture)


def test_without_graphviz_there_is_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "find_renderer", lambda: None)
    assert CELL._repr_svg_() is None


def test_the_hook_takes_another_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neat_deep.space.showing.DRAWINGS", {})
    assert picture_of(CELL) is None
    draw_with("CellGraph", lambda cell: f"{len(cell.nodes)} node")
    assert CELL._repr_svg_() == "1 node"


def test_the_hook_costs_no_import() -> None:
    code = "import sys, neat_deep.space.architecture; sys.exit('graphviz' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
