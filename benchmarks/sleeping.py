"""An evaluation that only sleeps; in a module of its own, since workers import what they run by its name."""

from __future__ import annotations

import time


def sleep(seconds: float) -> float:
    """An evaluation that needs no core."""
    time.sleep(seconds)
    return seconds
