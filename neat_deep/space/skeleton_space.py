"""The skeletons that a search may choose, as a space: what cells are stacked in, whatever the cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any

from neat_deep.base.errors import ConfigError
from neat_deep.space.architecture import Skeleton
from neat_deep.space.points import Decision, counting, make_decisions
from neat_deep.space.skeleton_options import SkeletonOptions, all_values


@dataclass(frozen=True)
class SkeletonSpace:
    """The skeletons that `options` make of `base`, as a `Space`.

    A step makes another of the decisions that count: other channels, another number of reductions, or other cells in
    one stage. A stage that is new with it may have any number of cells. Raises `ConfigError` on creation for options
    that make no skeleton.
    """

    options: SkeletonOptions
    base: Skeleton

    def __post_init__(self) -> None:
        self.options.check_skeleton_options()
        try:
            _ = self.largest  # a skeleton checks itself
        except ConfigError as error:
            key = "channels_options" if self.options.channels_options else "reductions_options"
            raise ConfigError(f"{key}: {error}") from None

    @property
    def largest(self) -> Skeleton:
        """The skeleton with the most of everything; raises `ConfigError` for one that is too wide."""
        most = [max(range(len(d.options)), key=lambda place: int(d.options[place])) for d in self.decisions]
        return self.decide(most) if most else self.base

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The channels, the number of reductions, and then the cells of each stage."""
        return self.options.decisions

    def key(self, point: Skeleton) -> str:
        """The decisions as a text."""
        return " ".join(map(str, self.values(point)))

    def sample(self, random: Random) -> Skeleton:
        """A skeleton whose decisions are drawn with equal chances."""
        return self.decide(make_decisions(self.decisions, lambda _, decision: random.randrange(len(decision.options))))

    def mutate(self, point: Skeleton, random: Random) -> Skeleton:
        """Another skeleton one step away; the skeleton itself where there is no other."""
        changes = list(self._changes(point))
        if not changes:
            return point
        place, value = random.choice(changes)
        kept = self._kept(point) | {place: value}

        def choose(at: int, decision: Decision) -> int:
            return kept[at] if at in kept else random.randrange(len(decision.options))

        return self.decide(make_decisions(self.decisions, choose))

    def neighbours(self, point: Skeleton) -> list[Skeleton]:
        """Every other skeleton one step away, once each."""
        kept = self._kept(point)
        skeletons = []
        for place, value in self._changes(point):
            skeletons += [self.decide(values) for values in all_values(self.decisions, kept | {place: value})]
        return skeletons

    def _kept(self, point: Skeleton) -> dict[int, int]:
        """The decisions that count, by place."""
        values = self.values(point)
        return {place: values[place] for place in counting(self.decisions, values)}

    def _changes(self, point: Skeleton) -> Iterator[tuple[int, int]]:
        """The place of each decision that counts, with each other value that it may have."""
        for place, value in self._kept(point).items():
            for other in range(len(self.decisions[place].options)):
                if other != value:
                    yield place, other

    def enumerate(self) -> Iterator[Skeleton]:
        """Every skeleton, once each."""
        return (self.decide(values) for values in all_values(self.decisions))

    def count(self, most: int) -> int:
        """How many skeletons there are; `most` + 1 for more than `most`."""
        return sum(1 for _ in islice(self.enumerate(), most + 1))

    def encode(self, point: Skeleton) -> tuple[float, ...]:
        """The decisions as ones and zeros; one that does not count is zeros."""
        kept = self._kept(point)
        return tuple(
            float(kept.get(place) == value)
            for place, decision in enumerate(self.decisions)
            for value in range(len(decision.options))
        )

    def values(self, point: Skeleton) -> tuple[int, ...]:
        """The decisions that make the skeleton; raises `ValueError` for one that is not of the space."""
        return self.options.values(point)

    def decide(self, values: Sequence[int]) -> Skeleton:
        """The skeleton that decisions make."""
        return self.options.decide(values, self.base)

    def to_json(self, point: Skeleton) -> Any:
        """The decisions that make the skeleton."""
        return list(self.values(point))

    def from_json(self, data: Any) -> Skeleton:
        """The skeleton that `to_json` gave; raises `LookupError`, `TypeError` or `ValueError` for anything else."""
        return self.decide(data)
