"""What a strategy has proposed and what it was worth: nothing is proposed twice, and no score is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from neat_deep.space.points import Space
from neat_deep.strategies.proposals import Proposal

if TYPE_CHECKING:
    from neat_deep.scoring.scores import Score

Point = TypeVar("Point")

MOST_TRIES = 1000  # draws in a row without a new network, after which the space counts as exhausted


class History(Generic[Point]):
    """The networks that were proposed, by number and by key, and their worths.

    A worth is the fitness of a score, None for a network that failed.
    """

    def __init__(self, space: Space[Point]) -> None:
        self._space = space
        self._numbers: dict[str, int] = {}  # by key, in the order of the numbers
        self._worths: dict[int, float | None] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def worths(self) -> Mapping[int, float | None]:
        """The worths by number, in the order in which they were heard."""
        return self._worths

    def number(self, point: Point) -> int | None:
        """The number under which the point's network was proposed; None for a new one."""
        return self._numbers.get(self._space.key(point))

    def is_new(self, point: Point) -> bool:
        """Whether the point's network was not proposed yet."""
        return self.number(point) is None

    def propose(self, point: Point, parents: Sequence[int] = ()) -> Proposal:
        """The proposal of a new point, under the next number."""
        number = len(self._numbers)
        self._numbers[self._space.key(point)] = number
        return Proposal(number, point, tuple(parents))

    def hear(self, scores: Sequence[Score]) -> list[tuple[int, float | None]]:
        """Remember what scores say; returns the numbers and worths."""
        heard = [(score.candidate, None if score.has_failed else score.fitness) for score in scores]
        self._worths.update(heard)
        return heard

    def rank(self, number: int) -> float:
        """The worth for comparisons: a network that failed is below every other."""
        worth = self._worths[number]
        return float("-inf") if worth is None else worth

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {"keys": list(self._numbers), "worths": [[number, worth] for number, worth in self._worths.items()]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the history that gave `state`."""
        self._numbers = {key: number for number, key in enumerate(state["keys"])}
        self._worths = dict(state["worths"])


def draw_new(draw: Callable[[], Point], history: History[Point]) -> Point | None:
    """The first point that `draw` gives whose network is new; None when the space seems to hold no more."""
    for _ in range(MOST_TRIES):
        point = draw()
        if history.is_new(point):
            return point
    return None
