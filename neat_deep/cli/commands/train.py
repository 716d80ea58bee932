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
    examples=("neat-deep train runs/first --config d.ini --cells 6 --reduce-after 2 4",),
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
    """Its cell is kept; the rest of the network is fitted to the data. The INI file is for [Data], [Training] and
    [Run]; without one it is the shipped one for MNIST, or for SST-2 where the architecture is for texts."""
    from neat_deep.base.shipped import architecture_file
    from neat_deep.cli.train_architecture import train_architecture

    with architecture_file(architecture) as source:
        train_architecture(source, given)
