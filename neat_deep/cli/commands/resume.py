"""`neat-deep resume`: go on with a search that was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neat_deep.cli.options import SEARCH, takes
from neat_deep.cli.registry import register_command


@register_command(
    "resume",
    summary="Go on with a search that was stopped",
    examples=("neat-deep resume runs/first --generations 10",),
)
@takes("config", "strategy", *SEARCH)
def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.", show_default=False)],
    **given: Any,
) -> None:
    """It ends as if it had never stopped. The run has its settings; options may repeat them, and change how long,
    where and with how many processes it goes on."""
    from neat_deep.cli.request import Request
    from neat_deep.cli.searching import resume_search

    config = given.pop("config", None)
    resume_search(Request(config, run, given))
