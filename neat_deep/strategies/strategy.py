"""What a strategy is, and what it is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from neat_deep.space.architecture import Skeleton
from neat_deep.space.points import Space
from neat_deep.strategies.proposals import Proposal

if TYPE_CHECKING:
    from neat_deep.scoring.candidate import Candidate
    from neat_deep.scoring.scores import Score


class Strategy(Protocol):
    """Proposes points of a search space, is told their scores, and can be stopped and resumed."""

    def ask(self, count: int) -> Sequence[Proposal | Candidate]:
        """Up to `count` proposals, to be scored together; none when there is nothing left to propose.

        Their numbers rise from 0 over the whole search. A strategy that makes whole architectures itself proposes
        candidates; the search makes candidates of points.
        """
        ...

    def tell(self, scores: Sequence[Score]) -> None:
        """The scores of what was asked for last, in that order.

        A strategy that is registered as `asynchronous` is told scores one by one, in whatever order the evaluations
        end, while others that it has asked for are still made.
        """
        ...

    def state(self) -> Mapping[str, Any]:
        """What `restore` needs to continue as if never stopped, random state and all, as JSON would hold it.

        Of a strategy that is registered as `asynchronous`, also while evaluations are still made.
        """
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the strategy that gave `state`."""
        ...


@runtime_checkable
class HasParents(Protocol):
    """A strategy whose proposals descend from networks that may be older than a generation.

    Their trained weights are kept, so that children can inherit them.
    """

    @property
    def most_parents(self) -> int:
        """How many networks `parents` may name: their weights share the room with those of a generation."""
        ...

    def parents(self) -> Sequence[int]:
        """The numbers of the networks that may become parents, or are those of proposals that are still to come."""
        ...


@runtime_checkable
class CanBeScreened(Protocol):
    """A strategy that is asked for more than is trained."""

    def screened_out(self, proposals: Sequence[Proposal]) -> None:
        """These of the last proposals are not trained, so `tell` never gets a score of theirs."""
        ...


@runtime_checkable
class HasNote(Protocol):
    """A strategy that has something to tell the user before it searches."""

    @property
    def note(self) -> str:
        """One line."""
        ...


@dataclass(frozen=True)
class StrategyContext:
    """What a strategy is made from: the space, the skeleton of all candidates, its settings, its seed.

    `settings` is an instance of the strategy's settings class, None where it has none. A strategy that proposes points
    looks at nothing of the space but what `Space` says, and at no skeleton, so that it runs on every space. `start` is
    the point that the search starts from, None for a search that starts from nothing.
    """

    space: Space[Any]
    skeleton: Skeleton
    settings: Any
    seed: int
    start: Any = None
