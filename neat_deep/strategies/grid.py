"""Grid search: every different network of a space that is small enough, in its order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError
from neat_deep.strategies.proposals import Proposal
from neat_deep.strategies.strategy import StrategyContext

if TYPE_CHECKING:
    from neat_deep.scoring.scores import Score

SECTION = "Grid"


@dataclass(frozen=True)
class GridSettings:
    """How many networks a space may hold for a grid: more than `most` are refused, as no search would finish."""

    most: int = 10_000  # at a second each, three hours

    def __post_init__(self) -> None:
        check_range("most", self.most, low=1, high=1_000_000)


class Grid:
    """Proposes the networks of `Space.enumerate`; raises `ConfigError` when there are more than the settings allow.

    A point to start from is the first.
    """

    def __init__(self, context: StrategyContext) -> None:
        settings: GridSettings = context.settings
        self.size = context.space.count(settings.most)
        if self.size > settings.most:
            raise ConfigError(
                f"[{SECTION}] the search space holds more than {settings.most:,} different networks, which a grid would"
                " not finish; allowed: a smaller space (fewer ops, activations, aggregations or nodes), a higher"
                " 'most' or another strategy"
            )
        self._space = context.space
        self._start = context.start
        self._proposed = 0
        self._points = self._in_order()

    @property
    def note(self) -> str:
        """How many networks there are."""
        return f"the grid has {self.size:,} different networks"

    def ask(self, count: int) -> list[Proposal]:
        """The next networks; fewer when they end."""
        proposals = [Proposal(self._proposed + i, point) for i, point in enumerate(islice(self._points, count))]
        self._proposed += len(proposals)
        return proposals

    def tell(self, scores: Sequence[Score]) -> None:
        """Nothing is learned from scores."""

    def state(self) -> Mapping[str, Any]:
        """How many were proposed, of how many."""
        return {"proposed": self._proposed, "of": self.size}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the search that gave `state`."""
        self._proposed = int(state["proposed"])
        self._points = islice(self._in_order(), self._proposed, None)

    def _in_order(self) -> Iterator[Any]:
        """Every network once, that of the start first."""
        if self._start is None:
            yield from self._space.enumerate()
            return
        yield self._start
        key = self._space.key(self._start)
        yield from (point for point in self._space.enumerate() if self._space.key(point) != key)
