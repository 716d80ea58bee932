"""`neat-deep report`: what happened in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neat_deep.base.errors import ConfigError
from neat_deep.cli.registry import register_command


@register_command(
    "report",
    summary="Tell what happened in a run, while it goes on or later",
    examples=(
        "neat-deep report runs/first",
        "neat-deep report --html runs/first",
        "neat-deep report --html runs/neat runs/random --out pages",
    ),
)
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs.", show_default=False)],
    html: Annotated[bool, typer.Option("--html", help="Write one page with all of it, to open or send.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder for what is written instead of the run's.", show_default=False),
    ] = None,
) -> None:
    """Generations, failures, what was spent and spared; and the winner's family tree as a picture. With --html as a
    page, report.html; several runs are compared in comparison.html."""
    if html:
        from neat_deep.cli.page_report import write_report

        write_report(runs, out)
        return
    from neat_deep.cli.searching import report_run

    if len(runs) > 1:
        raise ConfigError(f"got {len(runs)} runs, allowed without --html: one; with it they are compared")
    report_run(runs[0], out)
