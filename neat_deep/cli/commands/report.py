"""`neat-deep report`: what happened in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neat_deep.cli.registry import register_command


@register_command(
    "report",
    summary="Tell what happened in a run, while it goes on or later",
    examples=("neat-deep report runs/first",),
)
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder for the picture instead of the run's.", show_default=False),
    ] = None,
) -> None:
    """Generations, failures, what was spent and spared; and the winner's family tree as a picture."""
    from neat_deep.cli.searching import report_run

    report_run(run, out)
