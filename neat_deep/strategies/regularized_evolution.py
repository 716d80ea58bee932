"""Regularized evolution: tournaments choose parents, and age removes the oldest, whatever it is worth.

Real, Aggarwal, Huang and Le, "Regularized Evolution for Image Classifier Architecture Search", arXiv 1802.01548,
algorithm 1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError
from neat_deep.base.generator_state import generator_state, set_generator_state
from neat_deep.strategies.history import MOST_TRIES, History, draw_new
from neat_deep.strategies.proposals import Proposal
from neat_deep.strategies.strategy import StrategyContext

if TYPE_CHECKING:
    from neat_deep.scoring.scores import Score


@dataclass(frozen=True)
class RegularizedEvolutionSettings:
    """The last `population` networks may be parents; each parent is the best of `tournament` of them."""

    population: int = 20  # the paper's 100 are for thousands of networks, these for a hundred
    tournament: int = 10

    def __post_init__(self) -> None:
        check_range("population", self.population, low=1, high=100_000)
        check_range("tournament", self.tournament, low=1, high=100_000)
        if self.tournament > self.population:
            raise ConfigError(
                f"tournament: got {self.tournament}, allowed: 1 to {self.population}, which is 'population'"
            )


class RegularizedEvolution:
    """Fills the population by chance, and then mutates the winners of tournaments.

    A child that was proposed before is drawn again. Networks that failed age in the population too, below all others.
    With a point to start from, the first population is that network and its mutants.
    """

    def __init__(self, context: StrategyContext) -> None:
        self._space = context.space
        self._settings: RegularizedEvolutionSettings = context.settings
        self._start = context.start
        self._random = Random(context.seed)
        self._history: History[Any] = History(context.space)
        self._asked: dict[int, Any] = {}  # the points of the proposals without a score yet, by number
        self._left_out = 0  # proposals that were screened out
        self._population: deque[tuple[int, Any]] = deque(maxlen=self._settings.population)

    def ask(self, count: int) -> list[Proposal]:
        """Draws while the population is not full, then children; fewer when the space seems to hold no more."""
        proposals: list[Proposal] = []
        while len(proposals) < count:
            proposal = self._next()
            if proposal is None:
                break
            proposals.append(proposal)
        self._asked |= {proposal.number: proposal.point for proposal in proposals}
        return proposals

    def _next(self) -> Proposal | None:
        if self._start is not None and not len(self._history):
            return self._history.propose(self._start)
        if len(self._history) - self._left_out >= self._settings.population and self._population:
            for _ in range(MOST_TRIES):
                size = min(self._settings.tournament, len(self._population))
                contest = self._random.sample(list(self._population), size)
                number, parent = max(contest, key=lambda member: self._history.rank(member[0]))
                child = self._space.mutate(parent, self._random)
                if self._history.is_new(child):
                    return self._history.propose(child, (number,))
        elif self._start is not None:
            mutant = draw_new(lambda: self._space.mutate(self._start, self._random), self._history)
            if mutant is not None:
                return self._history.propose(mutant, (0,))
        point = draw_new(lambda: self._space.sample(self._random), self._history)
        return None if point is None else self._history.propose(point)

    def tell(self, scores: Sequence[Score]) -> None:
        """The networks join the population, and as many of the oldest leave it."""
        for number, _ in self._history.hear(scores):
            self._population.append((number, self._asked.pop(number)))

    def screened_out(self, proposals: Sequence[Proposal]) -> None:
        """They never live, and are not proposed again."""
        self._left_out += len(proposals)
        for proposal in proposals:
            del self._asked[proposal.number]

    @property
    def most_parents(self) -> int:
        """The population."""
        return self._settings.population

    def parents(self) -> list[int]:
        """The networks of the population."""
        return [number for number, _ in self._population]

    def state(self) -> Mapping[str, Any]:
        """What was proposed, and the population."""
        return {
            **self._history.state(),
            "random": generator_state(self._random),
            "population": [[number, self._space.to_json(point)] for number, point in self._population],
            "asked": [[number, self._space.to_json(point)] for number, point in self._asked.items()],
            "left_out": self._left_out,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the search that gave `state`."""
        self._history.restore(state)
        set_generator_state(self._random, state["random"])
        self._asked = {number: self._space.from_json(data) for number, data in state.get("asked", [])}
        self._left_out = state.get("left_out", 0)
        self._population.clear()
        self._population.extend((number, self._space.from_json(data)) for number, data in state["population"])
