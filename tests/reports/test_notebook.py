"""A cell, and an architecture, show themselves as pictures in a notebook."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from neat_deep.reports.pictures import render
from neat_deep.scoring.scores import Score
from neat_deep.search.result import SearchResult
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


RESULT = SearchResult(
    best=Score(
        candidate=3,
        status="scored",
        architecture=Architecture(CELL, Skeleton()),
        metrics={"accuracy": 0.9, "parameters": 1200},
    ),
    history=(),
    seconds=61.0,
    trained=7,
    reused=2,
    failed=1,
    samples=7000,
    saved_by_reuse=0,
    saved_by_rungs=0,
    ended="<5> generations are done",
)


def test_a_result_is_a_table_with_the_best_network() -> None:
    text = RESULT._repr_html_()
    table, picture = text.split("<img")
    cells = [element.text for element in ET.fromstring(table).iter() if element.tag in ("th", "td")]  # noqa: S314
    figures = dict(zip(cells[::2], cells[1::2], strict=True))
    assert figures["best validation accuracy"] == "90.00%"
    assert figures["parameters of that network"] == "1,200"
    assert figures["networks trained, reused, failed"] == "7, 2, 1"
    assert figures["ended"] == "<5> generations are done"
    data = re.search("src='data:image/svg.xml;base64,([^']*)'", picture)
    assert data is not None and "sep_conv_3" in base64.b64decode(data[1]).decode()


def test_a_result_without_graphviz_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "find_renderer", lambda: None)
    text = RESULT._repr_html_()
    assert text.startswith("<table>") and text.endswith("</table>")


def test_the_hook_takes_another_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neat_deep.space.showing.DRAWINGS", {})
    assert picture_of(CELL) is None
    draw_with("CellGraph", lambda cell: f"{len(cell.nodes)} node")
    assert CELL._repr_svg_() == "1 node"


def test_the_hook_costs_no_import() -> None:
    code = "import sys, neat_deep.space.architecture; sys.exit('graphviz' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
