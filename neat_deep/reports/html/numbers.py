"""How figures are written for people."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

UNKNOWN = "\N{EN DASH}"
PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


def percent(share: float | None) -> str:
    """`98.96%` for 0.98958; a dash for None."""
    return UNKNOWN if share is None else f"{100 * share:.2f}%"


def mean_percent(shares: Sequence[float]) -> str:
    """The mean, with the standard deviation of several."""
    if not shares:
        return UNKNOWN
    spread = f" {PLUS_MINUS} {100 * statistics.stdev(shares):.2f}" if len(shares) > 1 else ""
    return f"{100 * statistics.mean(shares):.2f}%{spread}"


def duration(seconds: float | None) -> str:
    """`8.4 s`, `2 min 5 s` or `3 h 20 min`; a dash for None."""
    if seconds is None:
        return UNKNOWN
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    rounded = round(seconds)
    if rounded < 3600:
        return f"{rounded // 60} min {rounded % 60} s"
    return f"{rounded // 3600} h {rounded % 3600 // 60} min"


def short(count: float) -> str:
    """`950`, `30.7 k`, `1.25 M`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f}"


def counted(count: int, noun: str) -> str:
    """`1 network`, `1,200 networks`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
