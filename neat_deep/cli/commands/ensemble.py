"""`neat-deep ensemble`: the best networks of a run vote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neat_deep.cli.options import VOTE, takes
from neat_deep.cli.registry import register_command


@register_command(
    "ensemble",
    summary="Train a run's best networks and let them vote",
    examples=("neat-deep ensemble runs/first --size 5",),
)
@takes(*VOTE)
def ensemble(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.", show_default=False)],
    **given: Any,
) -> None:
    """They come from different species where there are; accuracy and size are printed beside those of the best network
    alone. The networks stay in the run's folder."""
    from neat_deep.cli.voting import train_ensemble

    train_ensemble(run, given)
