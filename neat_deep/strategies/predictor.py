"""A search by a predictor: a regressor learns what networks are worth, and says which to train next.

As BANANAS (White, Neiswanger and Savani, arXiv 1910.11858): an ensemble for the uncertainty, independent Thompson
sampling to choose, and candidates from mutations of the best. The ensemble is one of trees, which needs no tuning and
few networks to learn from, where BANANAS has neural networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from neat_deep.base.checks import check_range
from neat_deep.base.generator_state import generator_state, set_generator_state
from neat_deep.scoring.forest import Array, expected_worths
from neat_deep.strategies.history import MOST_TRIES, History, draw_new
from neat_deep.strategies.proposals import Proposal
from neat_deep.strategies.strategy import StrategyContext

if TYPE_CHECKING:
    from neat_deep.scoring.scores import Score

MOST_STEPS = 2  # mutations in a row that make a candidate from one of the best


@dataclass(frozen=True)
class PredictorSettings:
    """How the predictor learns and chooses.

    The first `starts` networks are drawn by chance. Then the regressor, an ensemble of `trees`, is fitted anew after
    every `refit` networks. It chooses from `pool` candidates: half are mutations of the `parents` best networks, half
    are drawn by chance.
    """

    starts: int = 10
    refit: int = 10
    trees: int = 50
    pool: int = 200
    parents: int = 5

    def __post_init__(self) -> None:
        check_range("starts", self.starts, low=1, high=100_000)
        check_range("refit", self.refit, low=1, high=10_000)
        check_range("trees", self.trees, low=2, high=10_000)
        check_range("pool", self.pool, low=self.refit, high=100_000)
        check_range("parents", self.parents, low=1, high=10_000)


class Predictor:
    """Draws the first networks by chance, and then proposes those that its regressor expects most of.

    A point to start from is the first of them.
    """

    def __init__(self, context: StrategyContext) -> None:
        self._space = context.space
        self._settings: PredictorSettings = context.settings
        self._start = context.start
        self._random = Random(context.seed)
        self._history: History[Any] = History(context.space)
        self._points: dict[int, Any] = {}  # of all proposals, by number
        self._vectors: dict[int, tuple[float, ...]] = {}  # the same, encoded
        self._queue: list[tuple[Any, tuple[int, ...]]] = []  # points and their parents, the next one last

    def ask(self, count: int) -> list[Proposal]:
        """Draws at first, then what the regressor chose; fewer when the space seems to hold no more."""
        proposals: list[Proposal] = []
        while len(proposals) < count:
            chosen = self._next()
            if chosen is None:
                break
            proposals.append(self._history.propose(*chosen))
            self._remember(proposals[-1].number, proposals[-1].point)
        return proposals

    def _next(self) -> tuple[Any, tuple[int, ...]] | None:
        """A new point and its parents; None when the space seems to hold no more."""
        if self._start is not None and not len(self._history):
            return self._start, ()
        knows = any(worth is not None for worth in self._history.worths.values())
        if len(self._history) >= self._settings.starts and knows:
            if not self._queue:
                self._choose()
            if self._queue:
                return self._queue.pop()
        point = draw_new(lambda: self._space.sample(self._random), self._history)
        return None if point is None else (point, ())

    def _choose(self) -> None:
        """Fit the regressor, and queue what it expects most of."""
        pool = self._pool()
        if not pool:
            return
        means, deviations = self._predict([self._space.encode(point) for point, _ in pool])
        drawn = [m + d * self._random.gauss(0, 1) for m, d in zip(means, deviations, strict=True)]  # Thompson sampling
        order = sorted(range(len(pool)), key=lambda i: (-drawn[i], i))[: self._settings.refit]
        self._queue = [pool[i] for i in reversed(order)]

    def _pool(self) -> list[tuple[Any, tuple[int, ...]]]:
        """New candidates, each network once, with their parents."""
        best = self._best()
        pool: dict[str, tuple[Any, tuple[int, ...]]] = {}
        for _ in range(MOST_TRIES + self._settings.pool):
            if len(pool) == self._settings.pool:
                break
            parents: tuple[int, ...] = ()
            if len(pool) % 2:
                point = self._space.sample(self._random)
            else:
                parents = (self._random.choice(best),)
                point = self._points[parents[0]]
                for _ in range(self._random.randint(1, MOST_STEPS)):
                    point = self._space.mutate(point, self._random)
            if self._history.is_new(point):
                pool.setdefault(self._space.key(point), (point, parents))
        return list(pool.values())

    def _best(self) -> list[int]:
        """The networks that are mutated."""
        numbers = sorted(self._history.worths, key=lambda number: (-self._history.rank(number), number))
        return numbers[: self._settings.parents]

    def _predict(self, vectors: Sequence[Sequence[float]]) -> tuple[Array, Array]:
        """The mean and the standard deviation of what the trees expect of each vector."""
        worths = self._history.worths
        lowest = min(worth for worth in worths.values() if worth is not None)
        return expected_worths(
            [self._vectors[number] for number in worths],
            [lowest if worth is None else worth for worth in worths.values()],
            vectors,
            trees=self._settings.trees,
            seed=self._random.randrange(2**31),
        )

    def _remember(self, number: int, point: Any) -> None:
        self._points[number] = point
        self._vectors[number] = self._space.encode(point)

    def tell(self, scores: Sequence[Score]) -> None:
        """Remember the worths; the regressor learns them when it is fitted next."""
        self._history.hear(scores)

    @property
    def most_parents(self) -> int:
        """The best networks, and as many that were when the regressor chose last."""
        return 2 * self._settings.parents

    def parents(self) -> list[int]:
        """The networks that are mutated next, and the parents of what the regressor chose."""
        return list(dict.fromkeys([*self._best(), *(number for _, parents in self._queue for number in parents)]))

    def state(self) -> Mapping[str, Any]:
        """What was proposed, all points, and what the regressor chose last."""
        return {
            **self._history.state(),
            "random": generator_state(self._random),
            "points": [self._space.to_json(point) for point in self._points.values()],
            "queue": [[self._space.to_json(point), list(parents)] for point, parents in self._queue],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the search that gave `state`."""
        self._history.restore(state)
        set_generator_state(self._random, state["random"])
        self._points, self._vectors = {}, {}
        for number, data in enumerate(state["points"]):
            self._remember(number, self._space.from_json(data))
        self._queue = [(self._space.from_json(data), tuple(parents)) for data, parents in state["queue"]]
