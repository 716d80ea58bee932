"""`neat-deep render`: pictures of an architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neat_deep.cli.options import DRAW, takes
from neat_deep.cli.registry import register_command


@register_command(
    "render",
    summary="Draw an architecture: its cell and the whole network",
    examples=("neat-deep render runs/first --out pictures/first",),
)
@takes(*DRAW)
def render(
    architecture: Annotated[
        Path,
        typer.Argument(
            metavar="ARCHITECTURE", help="JSON file, folder of a run, or name of a shipped one.", show_default=False
        ),
    ],
    **given: Any,
) -> None:
    """Writes SVG and PNG files into a new folder."""
    from neat_deep.base.shipped import architecture_file
    from neat_deep.cli.rendering import render as draw

    with architecture_file(architecture) as source:
        draw(source, given)
