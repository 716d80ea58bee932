"""What a strategy proposes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Proposal:
    """A point of the search space to be scored.

    `number` names it within its search: numbers rise from 0. `parents` are the numbers of the proposals that it was
    made from, the better first; it may inherit their weights.
    """

    number: int
    point: Any
    parents: tuple[int, ...] = ()
