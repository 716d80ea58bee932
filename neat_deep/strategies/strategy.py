"""What a strategy is, and what it is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from neat_deep.space.architecture import Skeleton
from neat_deep.space.points import Space
from neat_deep.strategies.proposals import Proposal

if TYPE_CHECKING:
    from neat_deep.scoring.candidate import Candidate
    from neat_deep.scoring.scores import Score


class Strategy(Protocol):
    """Proposes points of a search space, hears their scores, and can be stopped and taken up again."""

    def ask(self, count: int) -> Sequence[Proposal | Candidate]:
        """Up to `count` proposals, to be scored together; none when there is nothing left to propose.

        Their numbers rise from 0 over the whole search. A strategy that makes whole architectures itself proposes
        candidates; the search makes candidates of points.
        """
        ...

    def tell(self, scores: Sequence[Score]) -> None:
        """The scores of what was asked for last, in that order."""
        ...

    def state(self) -> Mapping[str, Any]:
        """What `restore` needs to go on as if never stopped, random state and all, as JSON would hold it."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the strategy that gave `state`."""
        ...


@dataclass(frozen=True)
class StrategyContext:
    """What a strategy is made from: the space, the skeleton of all candidates, its settings, its seed.

    `settings` is an instance of the strategy's settings class, None where it has none. A strategy that proposes points
    looks at nothing of the space but what `Space` says, and at no skeleton, so that it runs on every space.
    """

    space: Space[Any]
    skeleton: Skeleton
    settings: Any
    seed: int
