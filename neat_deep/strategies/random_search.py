"""Random search: different networks from the search space, whatever came before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from neat_deep.base.generator_state import generator_state, set_generator_state
from neat_deep.strategies.history import MOST_TRIES
from neat_deep.strategies.proposals import Proposal
from neat_deep.strategies.strategy import StrategyContext

if TYPE_CHECKING:
    from neat_deep.scoring.scores import Score


class RandomSearch:
    """Draws each point by `Space.sample`; a network that was proposed before is drawn again.

    A point to start from is the first.
    """

    def __init__(self, context: StrategyContext) -> None:
        self._space = context.space
        self._start = context.start
        self._random = Random(context.seed)
        self._proposed: dict[str, None] = {}  # keys, in the order of their proposals

    def ask(self, count: int) -> list[Proposal]:
        """Up to `count` new networks; fewer when the space seems to hold no more."""
        proposals: list[Proposal] = []
        tries = 0
        while len(proposals) < count and tries < MOST_TRIES:
            is_first = self._start is not None and not self._proposed
            point = self._start if is_first else self._space.sample(self._random)
            key = self._space.key(point)
            tries += 1
            if key not in self._proposed:
                proposals.append(Proposal(len(self._proposed), point))
                self._proposed[key] = None
                tries = 0
        return proposals

    def tell(self, scores: Sequence[Score]) -> None:
        """Nothing is learned from scores."""

    def screened_out(self, proposals: Sequence[Proposal]) -> None:
        """They count as proposed."""

    def state(self) -> Mapping[str, Any]:
        """The keys of all proposed networks, and the state of the generator."""
        return {"proposed": list(self._proposed), "random": generator_state(self._random)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the search that gave `state`."""
        set_generator_state(self._random, state["random"])
        self._proposed = dict.fromkeys(state["proposed"])
