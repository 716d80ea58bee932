"""Random search: different cells from the search space, whatever came before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.scores import Score
from neat_deep.space.architecture import Architecture
from neat_deep.strategies.registry import StrategyContext

MOST_TRIES = 1000  # draws in a row without a new cell, after which the space counts as exhausted


class RandomSearch:
    """Draws each cell by `SearchSpace.sample`; a cell that was proposed before is drawn again."""

    def __init__(self, context: StrategyContext) -> None:
        self._space = context.space
        self._skeleton = context.skeleton
        self._random = Random(context.seed)
        self._proposed: dict[str, None] = {}  # digests, in the order of their candidates

    def ask(self, count: int) -> list[Candidate]:
        """Up to `count` new cells; fewer when the space seems to hold no more."""
        candidates: list[Candidate] = []
        tries = 0
        while len(candidates) < count and tries < MOST_TRIES:
            cell = self._space.sample(self._random)
            digest = cell.digest()
            tries += 1
            if digest not in self._proposed:
                candidates.append(Candidate(len(self._proposed), Architecture(cell, self._skeleton)))
                self._proposed[digest] = None
                tries = 0
        return candidates

    def tell(self, scores: Sequence[Score]) -> None:
        """Nothing is learned from scores."""

    def state(self) -> Mapping[str, Any]:
        """The digests of all proposed cells, and the state of the generator."""
        version, words, gauss = self._random.getstate()
        return {"proposed": list(self._proposed), "random": [version, list(words), gauss]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the search that gave `state`."""
        version, words, gauss = state["random"]
        self._random.setstate((version, tuple(words), gauss))
        self._proposed = dict.fromkeys(state["proposed"])
