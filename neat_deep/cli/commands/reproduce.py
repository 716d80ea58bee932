"""`neat-deep reproduce`: the published experiment in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neat_deep.cli.options import REPRODUCE, takes
from neat_deep.cli.registry import register_command


@register_command(
    "reproduce",
    summary="Do the published experiment: searches, trainings, table, chart",
    examples=(
        "neat-deep reproduce",
        "neat-deep reproduce --scale hour --data-root data --dry-run",
        "neat-deep reproduce --scale full --data-root data --transfers 1",
    ),
)
@takes(*REPRODUCE)
def reproduce(
    scale: Annotated[str, typer.Option(metavar="NAME", help="quick (minutes), hour or full (hours).")] = "quick",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Its folder.  [default: runs/reproduce_SCALE]", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it costs on this machine, and end.")] = False,
    **given: Any,
) -> None:
    """Cells by hand, by NEAT, DARTS and random search on images and texts, each trained with several seeds and carried
    over to a second data set. The same command goes on where it was stopped."""
    from neat_deep.cli.published.experiment import reproduce as do

    do(scale, given, out=out, dry_run=dry_run)
