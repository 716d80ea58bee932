"""How cells and architectures show themselves in a notebook: a hook, which the room that draws pictures fills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neat_deep.base.registry import resolve

# By the name of a class what gives an SVG for its objects, or names it as `module:attribute`.
DRAWINGS: dict[str, Callable[[Any], str | None] | str] = {}


def draw_with(kind: str, draw: Callable[[Any], str | None] | str) -> None:
    """Let `draw` make the pictures of objects whose class is called `kind`; None from it means no picture."""
    DRAWINGS[kind] = draw


def picture_of(thing: object) -> str | None:
    """The SVG of an object, None where nobody draws such objects or nothing can be drawn here."""
    draw = resolve(DRAWINGS.get(type(thing).__name__))
    return None if draw is None else draw(thing)
