"""What a strategy knows of a search space: points, and ways from one to another.

A point is whatever a space searches: a cell, a whole architecture, or a row of a published table. A strategy never
looks into one. So every strategy runs unchanged on every space that fulfils `Space`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol, TypeVar

Point = TypeVar("Point")


@dataclass(frozen=True)
class Decision:
    """One of the choices that make a point: one of `options`, given by its place among them.

    It counts only where each `(place, allowed)` of `needs` holds: the decision at `place`, which comes before it,
    counts and has one of the values `allowed`. An op counts only if its node is there, for example.
    """

    name: str
    options: tuple[str, ...]
    needs: tuple[tuple[int, frozenset[int]], ...] = ()

    def counts(self, counted: Sequence[bool], values: Sequence[int]) -> bool:
        """Whether it counts after the decisions `values` before it, of which `counted` tells the same."""
        return all(counted[place] and values[place] in allowed for place, allowed in self.needs)


def make_decisions(decisions: Sequence[Decision], choose: Callable[[int, Decision], int]) -> tuple[int, ...]:
    """The values of all decisions: what `choose` says of each that counts, given its place, and 0 for the others."""
    values: list[int] = []
    counted: list[bool] = []
    for place, decision in enumerate(decisions):
        counted.append(decision.counts(counted, values))
        values.append(choose(place, decision) if counted[-1] else 0)
    return tuple(values)


def counting(decisions: Sequence[Decision], values: Sequence[int]) -> list[int]:
    """The places of those of a point's decisions that count."""
    places: list[int] = []

    def repeat(place: int, _: Decision) -> int:
        places.append(place)
        return values[place]

    make_decisions(decisions, repeat)
    return places


class Space(Protocol[Point]):
    """A search space over points.

    Points with one key are one network. `decisions` is the fixed list of choices that make a point. All that is listed
    comes in the same order each time, and all that is drawn comes from the generator that is passed in.
    """

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The choices that make a point, in the order in which they are made."""
        ...

    def key(self, point: Point) -> str:
        """The name of the network that the point stands for, the same for all points that stand for it."""
        ...

    def sample(self, random: Random) -> Point:
        """A point, drawn by chance."""
        ...

    def mutate(self, point: Point, random: Random) -> Point:
        """Another network one step away, drawn by chance; the point itself if there is none."""
        ...

    def neighbours(self, point: Point) -> list[Point]:
        """Every other network one step away, once each."""
        ...

    def enumerate(self) -> Iterator[Point]:
        """Every network of the space, once each."""
        ...

    def count(self, most: int) -> int:
        """How many networks the space holds; `most` + 1 for more than `most`."""
        ...

    def encode(self, point: Point) -> tuple[float, ...]:
        """The point as numbers for a regressor: always so many, and others for another network."""
        ...

    def values(self, point: Point) -> tuple[int, ...]:
        """The decisions that make the point; 0 for each that does not count."""
        ...

    def decide(self, values: Sequence[int]) -> Point:
        """The point that decisions make; every choice of values makes one."""
        ...

    def to_json(self, point: Point) -> Any:
        """The point as JSON holds it, with all that `from_json` needs to make an equal one."""
        ...

    def from_json(self, data: Any) -> Point:
        """The point that `to_json` gave; raises `LookupError`, `TypeError` or `ValueError` for anything else."""
        ...
