"""`neat-deep search`: search as an INI file says, train the best network, read the test set once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neat_deep.cli.options import SEARCH, takes
from neat_deep.cli.registry import register_command


@register_command(
    "search",
    summary="Search as an INI file says, train and test the best network",
    examples=("neat-deep search d.ini --generations 5 --out runs/first",),
)
@takes("strategy", *SEARCH)
def search(
    config: Annotated[Path, typer.Argument(metavar="INI", help="Experiment to run.", show_default=False)],
    **given: Any,
) -> None:
    """An option overrides the file. It ends with a folder that the other commands read; if it is stopped,
    `neat-deep resume` goes on."""
    from neat_deep.cli.request import Request
    from neat_deep.cli.searching import start_search

    start_search(Request(config, given=given))
