"""What a strategy proposes, as the scorer takes it, and a strategy whose proposals are screened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neat_deep.config.search_settings import SearchSettings
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.scorer import Scorer
from neat_deep.scoring.scores import Score
from neat_deep.scoring.screening import Screen
from neat_deep.search.journal import stored_score
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.proposals import Proposal
from neat_deep.strategies.strategy import HasParents, Strategy


def candidate_of(proposal: Proposal | Candidate, skeleton: Skeleton) -> Candidate:
    """What a strategy proposed, as the scorer takes it: a cell stands in the skeleton that all of them share."""
    if isinstance(proposal, Candidate):
        return proposal
    point = proposal.point
    architecture = point if isinstance(point, Architecture) else Architecture(point, skeleton)
    return Candidate(proposal.number, architecture, proposal.parents)


def make_screen(search: SearchSettings, scorer: Scorer, store: RunStore, seed: int) -> Screen:
    """The screen that `[Search]` asks for; it knows all that the run had scored before it was resumed."""
    in_parts = search.asynchronous
    screen = Screen(scorer, search.screen, search.screen_factor, seed=seed, log=store, in_parts=in_parts)
    generation = store.last_generation()
    if generation is not None:
        # Without generations each score counts at once; a generation that is not finished is scored again.
        last = generation if in_parts else generation - 1
        records = [record for record in store.candidates() if record.generation <= last]
        screen.hear(
            stored_score(record, None if record.objective is None else store.architecture(record.digest))
            for record in records
        )
    return screen


class ScreenedStrategy:
    """A strategy that is asked for more than is trained; the most promising of its proposals are trained.

    Those numbered in `kept` are trained in any case. `screened_out` names the others to the strategy. Only its state
    is kept: what the screen knows follows from the scores.
    """

    def __init__(self, strategy: Strategy, screen: Screen, skeleton: Skeleton, kept: frozenset[int]) -> None:
        self._strategy: Any = strategy
        self._screen = screen
        self._skeleton = skeleton
        self._kept = kept

    def ask(self, count: int) -> Sequence[Proposal]:
        """The `count` best of `factor` times as many proposals; `count` unscreened ones until the screen is ready."""
        if not self._screen.is_ready:
            return list(self._strategy.ask(count))
        proposals: list[Proposal] = list(self._strategy.ask(count * self._screen.factor))
        kept = [proposal for proposal in proposals if proposal.number in self._kept]
        undecided = [proposal for proposal in proposals if proposal.number not in self._kept]
        networks = [candidate_of(proposal, self._skeleton).architecture for proposal in undecided]
        chosen = set(self._screen.best(networks, count - len(kept)))
        self._strategy.screened_out([one for place, one in enumerate(undecided) if place not in chosen])
        numbers = {*self._kept, *(undecided[place].number for place in chosen)}
        return [proposal for proposal in proposals if proposal.number in numbers]

    def tell(self, scores: Sequence[Score]) -> None:
        """The scores of what went on."""
        self._screen.hear(scores)
        self._strategy.tell(scores)

    @property
    def most_parents(self) -> int:
        """As the strategy says."""
        return self._strategy.most_parents if isinstance(self._strategy, HasParents) else 0

    def parents(self) -> Sequence[int]:
        """As the strategy says."""
        return self._strategy.parents() if isinstance(self._strategy, HasParents) else ()

    def state(self) -> Mapping[str, Any]:
        """The strategy's."""
        state: Mapping[str, Any] = self._strategy.state()
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Let the strategy become the one that gave `state`."""
        self._strategy.restore(state)
