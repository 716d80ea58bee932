"""Local search: a hill climb from neighbour to better neighbour, with restarts.

White, Nolen and Savani, "Exploring the loss landscape in neural architecture search" (arXiv 2005.02960), found it as
good as the best known searches on published tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from neat_deep.base.checks import check_range
from neat_deep.base.generator_state import generator_state, set_generator_state
from neat_deep.strategies.history import History, draw_new
from neat_deep.strategies.proposals import Proposal
from neat_deep.strategies.strategy import StrategyContext

if TYPE_CHECKING:
    from neat_deep.scoring.scores import Score


@dataclass(frozen=True)
class LocalSearchSettings:
    """How a climb begins: from the best of `starts` new networks that are drawn by chance."""

    starts: int = 10  # on NAS-Bench-201 all of 5 to 30 ended alike, and 1 lower

    def __post_init__(self) -> None:
        check_range("starts", self.starts, low=1, high=100_000)


class LocalSearch:
    """Looks at a network's neighbours in random order, and moves on as soon as one is better.

    Where none is better it begins a new climb. A neighbour whose worth is known already is not proposed again. With a
    point to start from, that is where the first climb begins.
    """

    def __init__(self, context: StrategyContext) -> None:
        self._space = context.space
        self._starts: int = context.settings.starts
        self._start = context.start
        self._random = Random(context.seed)
        self._history: History[Any] = History(context.space)
        self._asked: dict[int, Any] = {}  # the points of the proposals without a score yet, by number
        self._draws = 0  # of this climb, proposed so far
        self._place: tuple[int, Any] | None = None  # where the climb stands: the best of its draws, then of its steps
        self._neighbours: list[Any] = []
        self._order: list[int] | None = (
            None  # the neighbours that are left, by index, the next one last; None: unopened
        )

    def ask(self, count: int) -> list[Proposal]:
        """Draws for a new climb, or the next neighbours; fewer than `count` at the end of either.

        None while the last neighbours of a summit are scored: one of them may be better.
        """
        proposals: list[Proposal] = []
        while not proposals:
            if self._draws < self._starts:
                self._draw(proposals, count)
            elif self._place is None:
                return []
            elif self._order is None:
                self._open()
            elif self._order:
                self._look_around(proposals, count)
            elif self._asked:
                return []
            else:
                self._draws, self._place, self._order = 0, None, None
        self._asked |= {proposal.number: proposal.point for proposal in proposals}
        return proposals

    def _draw(self, proposals: list[Proposal], count: int) -> None:
        """Add draws to the proposals; where the space seems to hold no more, the climb begins from those there are."""
        if self._start is not None and not len(self._history):
            proposals.append(self._history.propose(self._start))
            self._draws = self._starts
            return
        while len(proposals) < count and self._draws < self._starts:
            point = draw_new(lambda: self._space.sample(self._random), self._history)
            if point is None:
                self._draws = self._starts
                return
            proposals.append(self._history.propose(point))
            self._draws += 1

    def _open(self) -> None:
        """List the neighbours of where the climb stands, in random order."""
        assert self._place is not None
        self._neighbours = self._space.neighbours(self._place[1])
        self._order = list(range(len(self._neighbours)))
        self._random.shuffle(self._order)

    def _look_around(self, proposals: list[Proposal], count: int) -> None:
        """Add the next new neighbours to the proposals; where a known one is better, the climb continues from there."""
        assert self._place is not None
        while self._order and len(proposals) < count:
            point = self._neighbours[self._order.pop()]
            number = self._history.number(point)
            if number is None:
                proposals.append(self._history.propose(point, (self._place[0],)))
            elif number in self._history.worths and self._history.rank(number) > self._history.rank(self._place[0]):
                self._place, self._order = (number, point), None

    def tell(self, scores: Sequence[Score]) -> None:
        """Move to the best of what was asked for last, if it is better than where the climb stands."""
        heard = [number for number, _ in self._history.hear(scores)]
        points = {number: self._asked.pop(number) for number in heard}
        best = max(heard, key=self._history.rank)
        if self._place is None or self._history.rank(best) > self._history.rank(self._place[0]):
            self._place, self._order = (best, points[best]), None

    def screened_out(self, proposals: Sequence[Proposal]) -> None:
        """A climb begins from as many draws without them, and never looks at a neighbour that is among them."""
        for proposal in proposals:
            del self._asked[proposal.number]
            self._draws -= not proposal.parents

    @property
    def most_parents(self) -> int:
        """One: where the climb stands."""
        return 1

    def parents(self) -> list[int]:
        """The network whose neighbours are proposed."""
        return [] if self._place is None else [self._place[0]]

    def state(self) -> Mapping[str, Any]:
        """What was proposed, where the climb stands and what it has not looked at."""
        place = None if self._place is None else [self._place[0], self._space.to_json(self._place[1])]
        return {
            **self._history.state(),
            "random": generator_state(self._random),
            "draws": self._draws,
            "place": place,
            "order": None if self._order is None else list(self._order),
            "asked": [[number, self._space.to_json(point)] for number, point in self._asked.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the search that gave `state`."""
        self._history.restore(state)
        set_generator_state(self._random, state["random"])
        self._draws = int(state["draws"])
        self._asked = {number: self._space.from_json(data) for number, data in state.get("asked", [])}
        self._place = None
        if state["place"] is not None:
            number, data = state["place"]
            self._place = number, self._space.from_json(data)
        self._order = None
        if state["order"] is not None and self._place is not None:
            self._neighbours = self._space.neighbours(self._place[1])
            self._order = list(state["order"])
