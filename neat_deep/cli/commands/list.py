"""`neat-deep list`: the names that INI files and commands know."""

from __future__ import annotations

from typing import Annotated

import typer

from neat_deep.cli.registry import register_command


@register_command(
    "list",
    summary="Tell the names that INI files and commands know",
    examples=("neat-deep list ops datasets",),
)
def list_(
    kinds: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND...",
            help="Kinds of names, all without one: ops, activations, aggregations, datasets, strategies, spaces, "
            "metrics, objectives, architectures, commands.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """A line each, with what is behind the name."""
    from neat_deep.cli.listing import list_names

    list_names(kinds or [])
