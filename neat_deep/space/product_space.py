"""A space whose points are made of one point each of several spaces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import islice
from random import Random
from typing import Any, Generic, TypeVar

from neat_deep.space.points import Decision, Space

Point = TypeVar("Point")

MOST_TRIES = 20  # steps of parts that make the same network, after which all steps are looked at


class ProductSpace(ABC, Generic[Point]):
    """A `Space` over points that `split` takes apart and `join` puts together. A step is a step of one part."""

    @property
    @abstractmethod
    def parts(self) -> Mapping[str, Space[Any]]:
        """The spaces of the parts by name. Names go before those of the parts' decisions; one may be empty."""

    @abstractmethod
    def split(self, point: Point) -> Sequence[Any]:
        """The parts of a point, in the order of their spaces."""

    @abstractmethod
    def join(self, parts: Sequence[Any]) -> Point:
        """The point of these parts."""

    @abstractmethod
    def key(self, point: Point) -> str:
        """The name of the network that the point stands for."""

    @cached_property
    def _spaces(self) -> tuple[Space[Any], ...]:
        return tuple(self.parts.values())

    def sample(self, random: Random) -> Point:
        """A point whose parts are drawn by chance."""
        return self.join([space.sample(random) for space in self._spaces])

    def mutate(self, point: Point, random: Random) -> Point:
        """Another network one step away: each part has an equal chance to take the step.

        The point itself where every step leads to the same network.
        """
        own, parts = self.key(point), self.split(point)
        for _ in range(MOST_TRIES):
            place = random.randrange(len(parts))
            other = self._with(parts, place, self._spaces[place].mutate(parts[place], random))
            if self.key(other) != own:
                return other
        neighbours = self.neighbours(point)
        return random.choice(neighbours) if neighbours else point

    def neighbours(self, point: Point) -> list[Point]:
        """Every other network one step away, once each."""
        parts = self.split(point)
        points = {self.key(point): point}
        for place, space in enumerate(self._spaces):
            for part in space.neighbours(parts[place]):
                other = self._with(parts, place, part)
                points.setdefault(self.key(other), other)
        return list(points.values())[1:]

    def _with(self, parts: Sequence[Any], place: int, part: Any) -> Point:
        return self.join([*parts[:place], part, *parts[place + 1 :]])

    def enumerate(self) -> Iterator[Point]:
        """Every network once; the last part changes first."""
        seen = set()
        for parts in self._all_parts(0):
            point = self.join(parts)
            key = self.key(point)
            if key not in seen:
                seen.add(key)
                yield point

    def _all_parts(self, place: int) -> Iterator[list[Any]]:
        if place == len(self._spaces):
            yield []
            return
        for part in self._spaces[place].enumerate():
            for rest in self._all_parts(place + 1):
                yield [part, *rest]

    def count(self, most: int) -> int:
        """How many networks the space holds; `most` + 1 for more than `most`."""
        return _count(self, most)

    def encode(self, point: Point) -> tuple[float, ...]:
        """The numbers of the parts, one after the other."""
        pairs = zip(self._spaces, self.split(point), strict=True)
        return tuple(number for space, part in pairs for number in space.encode(part))

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """The decisions of the parts, one after the other."""
        decisions: list[Decision] = []
        for name, space in self.parts.items():
            first = len(decisions)
            for decision in space.decisions:
                needs = tuple((first + place, allowed) for place, allowed in decision.needs)
                decisions.append(Decision(f"{name} {decision.name}".strip(), decision.options, needs))
        return tuple(decisions)

    def values(self, point: Point) -> tuple[int, ...]:
        """The decisions that make the point; 0 for each that does not count."""
        pairs = zip(self._spaces, self.split(point), strict=True)
        return tuple(value for space, part in pairs for value in space.values(part))

    def decide(self, values: Sequence[int]) -> Point:
        """The point that decisions make."""
        if len(values) != len(self.decisions):
            raise ValueError(f"decisions: got {len(values)}, allowed: {len(self.decisions)}")
        parts, first = [], 0
        for space in self._spaces:
            count = len(space.decisions)
            parts.append(space.decide(values[first : first + count]))
            first += count
        return self.join(parts)

    def to_json(self, point: Point) -> Any:
        """The parts as their spaces write them."""
        return [space.to_json(part) for space, part in zip(self._spaces, self.split(point), strict=True)]

    def from_json(self, data: Any) -> Point:
        """The point that `to_json` gave; raises `LookupError`, `TypeError` or `ValueError` for anything else."""
        return self.join([space.from_json(part) for space, part in zip(self._spaces, data, strict=True)])


@lru_cache(maxsize=16)
def _count(space: ProductSpace[Any], most: int) -> int:
    """Keys take their time, and a search asks more than once: before anything is written, and when it begins."""
    return sum(1 for _ in islice(space.enumerate(), most + 1))
