"""`neat-deep train`: train one architecture on any data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neat_deep.cli.options import TRAIN, takes
from neat_deep.cli.registry import register_command


@register_command(
    "train",
    summary="Train one architecture on any data set, and test it",
    examples=("neat-deep train runs/first --cells 6 --reduce-after 2 4",),
)
@takes(*TRAIN)
def train(
    architecture: Annotated[
        Path,
        typer.Argument(
            metavar="ARCHITECTURE", help="JSON file, folder of a run, or name of a shipped one.", show_default=False
        ),
    ],
    **given: Any,
) -> None:
    """Its cell is kept; the rest of the network is fitted to the data. Without --config a run is trained with its own
    settings, and any other architecture with those of the shipped INI file for MNIST, or SST-2 for texts."""
    from neat_deep.base.shipped import architecture_file
    from neat_deep.cli.train_architecture import train_architecture

    with architecture_file(architecture) as source:
        train_architecture(source, given)
