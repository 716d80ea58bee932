"""`neat-deep classify`: what a trained network says about images or texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neat_deep.cli.registry import register_command


@register_command(
    "classify",
    summary="Classify your own images or texts by a trained network",
    examples=(
        "neat-deep classify runs/first cat.jpg holiday/",
        'neat-deep classify runs/films "a film that moves" --file reviews.txt',
    ),
)
def classify(
    network: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a run, or its trained.pt.", show_default=False)
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT...", help="Image files, folders of them, or texts.", show_default=False),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="More texts, one a line.", show_default=False)
    ] = None,
) -> None:
    """The network decides which of the two. Prints a line each: class, probability, image or text."""
    from neat_deep.cli.classifying import classify as tell

    tell(network, inputs or [], file)
