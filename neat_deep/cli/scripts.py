"""The examples that search, each a default INI file and a strategy: `mnist_neat.py` and its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from neat_deep.cli.options import SEARCH, takes
from neat_deep.cli.request import Request
from neat_deep.cli.running import call_with_options
from neat_deep.cli.searching import search_by


def search_script(arguments: Sequence[str] | None, *, description: str, strategy: str, config: Path) -> None:
    """Search by `strategy` with the options of `neat-deep search`, `--config` (else `config`) and `--resume`.

    `arguments` are those of the command line, None for the process's own. Raises `NeatDeepError` for what the user
    can mend, before anything is written.
    """

    @takes("config", *SEARCH)
    def search(
        resume: Annotated[
            Path | None, typer.Option(metavar="RUN", help="Go on with the run in this folder.", show_default=False)
        ] = None,
        **given: Any,
    ) -> None:
        named = given.pop("config", None)
        search_by(strategy, Request(named if resume else named or config, resume, given, "--resume"))

    call_with_options(search, arguments, description)
