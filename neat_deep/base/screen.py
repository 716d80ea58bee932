"""What is shown to people: file names, and what others raised, are texts, whatever brackets they hold."""

from __future__ import annotations

from typing import Any

from rich.console import Console


def screen(**options: Any) -> Console:
    """A console that reads no markup and no emoji codes; `options` are those of rich's."""
    return Console(markup=False, emoji=False, **options)
