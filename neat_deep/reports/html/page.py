"""A page as one HTML file, with its charts' library, its pictures and its style inside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from neat_deep.base.files import write_text
from neat_deep.reports.html.content import Block, Chart, Drawing, Frames, Page
from neat_deep.reports.html.drawings import dark_rules, draw_all, pack, pack_cells

ASSETS = "assets"
SCRIPTS = ("vega/vega.min.js", "vega/vega-lite.min.js", "page.js")


def write_page(page: Page, path: Path) -> None:
    """Write a page, whole or not at all; raises `OutputError`."""
    write_text(path, page_html(page))


def page_html(page: Page) -> str:
    """A page as HTML text. What comes from outside, such as names and reasons, is text in it, never markup."""
    environment = Environment(
        loader=PackageLoader(__name__.rpartition(".")[0], ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"id": id, "jsontext": json.dumps}
    blocks = [block for section in page.sections for block in section.blocks]
    drawings = [block for block in blocks if isinstance(block, Drawing)]
    pictures = draw_all([drawing.source for drawing in drawings])
    charts = list(_charts(blocks))
    return environment.get_template("page.html").render(
        page=page,
        charts=[chart.spec for chart in charts],
        number_of={id(chart): number for number, chart in enumerate(charts)},
        # The template calls two things safe: files of this package, and Graphviz's pictures, whose labels are escaped.
        picture_of={id(one): svg for one, svg in zip(drawings, pictures or [], strict=False)},
        packed_cells=pack_cells(page.cells),
        packed_facts=pack({digest: dict(facts) for digest, facts in page.facts.items()}),
        style=_asset("page.css"),
        dark=dark_rules(".picture"),
        scripts=[_asset(name) for name in SCRIPTS],
        version=version("neat-deep"),
    )


def _charts(blocks: list[Block]) -> Iterator[Chart]:
    for block in blocks:
        if isinstance(block, Chart):
            yield block
        elif isinstance(block, Frames):
            yield from block.charts


def _asset(name: str) -> str:
    place: Any = files(__name__.rpartition(".")[0]) / ASSETS
    return str(place.joinpath(*name.split("/")).read_text(encoding="utf-8"))
