"""`neat-deep init`: an experiment to edit, from the shipped ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from neat_deep.base.errors import ConfigError, OutputError
from neat_deep.base.files import write_text
from neat_deep.base.shipped import experiments
from neat_deep.cli.initial_text import initial_text
from neat_deep.cli.registry import register_command


@register_command(
    "init",
    summary="Print the commented INI file of an experiment",
    examples=(
        "neat-deep init digits > d.ini",
        "neat-deep init mnist --strategy local_search --out m.ini",
    ),
)
def init(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="See `neat-deep list datasets`.", show_default=False)
    ],
    strategy: Annotated[str, typer.Option(metavar="NAME", help="See `neat-deep list strategies`.")] = "neat",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write instead; it must not exist.", show_default=False)
    ] = None,
) -> None:
    """Edit what it says and hand it to `neat-deep search`."""
    _check_shipped(dataset)
    text = initial_text(dataset, strategy)
    if out is None:
        print(text, end="")
    elif os.path.lexists(out):
        raise OutputError(f"--out: {out} is there already, allowed: a new file")
    else:
        write_text(out, text)


def _check_shipped(dataset: str) -> None:
    """Raise `ConfigError` for a data set that is known, but has no INI file of its own."""
    from neat_deep.data.registry import DATASETS

    shipped = {name for name, _ in experiments()}
    if dataset in DATASETS and dataset not in shipped:
        rank = DATASETS.get(dataset).rank
        like = sorted(name for name in shipped if name in DATASETS and DATASETS.get(name).rank == rank)
        raise ConfigError(
            f"no INI file is shipped for the data set '{dataset}'; begin with that of {' or '.join(like)} and set "
            f"[Data] dataset = {dataset}"
        )
