"""The state of one of Python's random generators as JSON holds it."""

from __future__ import annotations

from random import Random
from typing import Any


def generator_state(random: Random) -> list[Any]:
    """What `set_generator_state` needs to let another generator draw the same from here on."""
    version, words, gauss = random.getstate()
    return [version, list(words), gauss]


def set_generator_state(random: Random, state: Any) -> None:
    """Let `random` continue from a state; raises `TypeError` or `ValueError` for what is none."""
    version, words, gauss = state
    random.setstate((version, tuple(words), gauss))
