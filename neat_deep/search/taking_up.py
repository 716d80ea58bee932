"""Resuming a run of a strategy where its store ends."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from neat_deep.base.errors import StoreError
from neat_deep.config.search_settings import SearchSettings
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.scorer import Scorer, ScorerState
from neat_deep.search.journal import scored_before
from neat_deep.search.session import Session
from neat_deep.store.records import CandidateRecord
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.strategy import HasParents, Strategy


def stored_state(store: RunStore, generation: int) -> dict[str, Any]:
    """The state that the run stored when a generation began, or last during it."""
    state: dict[str, Any] = json.loads(store.state(generation)[0])
    return state


def restore_strategy(strategy: Strategy, state: Mapping[str, Any], store: RunStore) -> None:
    """Let the strategy be what it was; raises `StoreError` for the state of another."""
    try:
        strategy.restore(state)
    except (LookupError, TypeError, ValueError) as error:
        raise StoreError(f"{store.path}: not a state of this strategy: {type(error).__name__}: {error}") from None


def living_parents(strategy: Strategy, keep_parents: bool) -> Collection[int]:
    """The numbers of the networks, however old, whose weights are kept for their children."""
    return strategy.parents() if keep_parents and isinstance(strategy, HasParents) else ()


def most_living(strategy: Strategy, keep_parents: bool) -> int:
    """How many `living_parents` may name."""
    return strategy.most_parents if keep_parents and isinstance(strategy, HasParents) else 0


def recent_scores(search: SearchSettings) -> int:
    """How many of the last scores of an asynchronous search are of networks that may be parents, besides others.

    With `keep_parents` the strategy names its parents; without, the last scores stand for the generation before.
    """
    return 1 if search.keep_parents else search.generation_size


def take_up(
    session: Session,
    scorer: Scorer,
    generation: int,
    living: Collection[int],
    newest: Collection[int] | None = None,
) -> None:
    """Let the scorer know all that the run scored before a generation, and the listeners what that came to.

    `living` are the numbers of the networks whose weights are kept, though they are older than the `newest`, which are
    those of the generation before where nothing is said.
    """
    store = session.store
    candidates = store.candidates()
    before = scored_before(generation, candidates, store)
    best = before.best
    best_score = None if best is None else before.score_of_best(best, store.architecture(best.digest))

    def parent(record: CandidateRecord) -> tuple[Candidate, str]:
        return Candidate(record.candidate, store.architecture(record.digest), record.parents), record.key

    # Networks that are alive may stand in a generation that is not finished, where there is no other.
    known = [record for record in candidates if record.key]
    if newest is None:
        newest = {record.candidate for record in known if record.generation == generation - 1}
    parents = [parent(record) for record in known if record.candidate in newest]
    older = [parent(record) for record in known if record.candidate in living and record.candidate not in newest]
    scorer.resume(ScorerState(generation, before.evaluations, parents, best_score, before.counts, older))
    finished = [figures for figures in store.generations() if figures.generation < generation]
    history = [(before.scores.get(figures.generation, []), 0, figures.seconds) for figures in finished]
    session.resumed(history, scorer.best)
