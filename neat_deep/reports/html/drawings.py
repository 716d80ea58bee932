"""Graphviz pictures in a page: inline SVG, in the colours of the light page and of the dark one."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping
from typing import Any

from neat_deep.base.errors import OutputError
from neat_deep.reports.pictures import labels, render
from neat_deep.reports.pictures.render import draw_cell, svg_texts
from neat_deep.space.cell_graph import CellGraph

# Pictures under the pointer: each takes about 8 ms to draw, and between half a kilobyte and two of the page.
MOST_CELLS = 300
MOST_PACKED = 700_000  # bytes of them all

# Light and dark of one hue. What is not here keeps its colour.
DARK = {
    labels.INK: "#e5e7eb",
    labels.LINE: "#9ca3af",
    labels.MUTED: "#a3abb8",
    labels.FAINT: "#5b6472",
    labels.FAINT_LINE: "#3b4350",
    labels.FAINT_FILL: "#1f252e",
    labels.PAPER: "#171c24",
    labels.GATE: "#fb923c",
    render.CELL_FILL: "#1d2735",
    render.CELL_LINE: "#5a7299",
    "#E5E7EB": "#2d3542",
    "#EEF2F7": "#202937",
    "#9CA3AF": "#6b7686",
    labels.CUSTOM_COLOURS[0]: "#4a2531",
    labels.CUSTOM_COLOURS[1]: "#ec8ba6",
    "#DBE8FA": "#1d3557",
    "#2F6BB5": "#7db0ee",
    "#D2EDE7": "#12423a",
    "#1C7F70": "#5cc9b5",
    "#FCE9C4": "#4a3812",
    "#B7791F": "#e8b454",
    "#E9EBEF": "#2c323c",
    "#7B8494": "#a5aebd",
    "#E7DEF7": "#36275a",
    "#7548B5": "#b899ea",
    "#D5E9F7": "#16324a",
    "#1F5F8B": "#6db3e0",
    "#F6E3D3": "#47301c",
    "#A8561C": "#e59a5e",
    # Motifs: the name in the box is of the paper's colour, and the frame's heading of the box's.
    "#1E40AF": "#8fb0ff",
    "#9A3412": "#f5a37f",
    "#166534": "#7fd6a0",
    "#6B21A8": "#cfa6f5",
    "#9D174D": "#f39abf",
    "#0E7490": "#74cfe4",
}


def dark_rules(scope: str) -> str:
    """CSS rules that turn the pictures under the selector `scope` dark."""
    rules = []
    for light, dark in DARK.items():
        for attribute in ("fill", "stroke"):
            rules.append(f'{scope} [{attribute}="{light.lower()}"]{{{attribute}:{dark}}}')
    # A text is black where nobody gave it a colour.
    rules.append(f'{scope} text:not([fill]),{scope} [fill="black"]{{fill:{DARK[labels.INK]}}}')
    return "\n".join(rules)


def draw_all(sources: list[str]) -> list[str] | None:
    """The inline SVG of each DOT source; None where none can be drawn here."""
    try:
        pictures = svg_texts(sources)
    except OutputError:
        return None
    return None if pictures is None else [_inline(picture) for picture in pictures]


def pack_cells(cells: Mapping[str, CellGraph]) -> str:
    """The pictures of the first cells, by digest, as JSON that is compressed and then base64; as many as there is
    room for."""
    chosen = dict(list(cells.items())[:MOST_CELLS])
    pictures = draw_all([draw_cell(cell).source for cell in chosen.values()])
    content = dict(zip(chosen, pictures or [], strict=False))
    while len(packed := pack(content)) > MOST_PACKED:
        content = dict(list(content.items())[: 3 * len(content) // 4])
    return packed


def pack(content: Mapping[str, Any]) -> str:
    """JSON that is compressed and then base64, which needs no escapes in a page."""
    return base64.b64encode(gzip.compress(json.dumps(content).encode(), 9, mtime=0)).decode()


def _inline(svg: str) -> str:
    """An SVG document as an element of a page: it shrinks with the page, and keeps a size of its own where it fits.

    A node has its name as `data-node`; titles, which browsers show under the pointer, are left out.
    """
    text = re.sub(r"<!--.*?-->\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*" class="node">\s*<title>([^<]*)</title>', r'<g class="node" data-node="\1">', text)
    text = re.sub(r"<title>[^<]*</title>\s*", "", text)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # ids of several pictures in one page would be the same
    head, tail = text.split(">", 1)
    width, height = (float(size) for size in re.findall(r'\b(?:width|height)="([\d.]+)pt"', head))
    head = re.sub(r'\s(?:width|height)="[\d.]+pt"', "", head)
    return f'{head} style="--width:{width * 4 / 3:.0f}px;aspect-ratio:{width:.0f}/{height:.0f}">{tail}'.strip()
