"""What is shown to people: file names, and what others raised, are texts, whatever brackets they hold."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from rich.console import Console


def screen(**options: Any) -> Console:
    """A console that reads no markup and no emoji codes; `options` are those of rich's."""
    return Console(markup=False, emoji=False, **options)


def has_bars(console: Console) -> bool:
    """Whether progress bars can move there: on a terminal, and in a notebook with the package ipywidgets."""
    return console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None)
