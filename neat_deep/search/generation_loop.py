"""The loop that asks, scores and tells, generation by generation."""

from __future__ import annotations

import json
import time

from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.scoring.budget import BudgetSpentError
from neat_deep.scoring.scorer import Scorer
from neat_deep.search.journal import GenerationJournal
from neat_deep.search.proposing import candidate_of
from neat_deep.search.result import generations_done
from neat_deep.search.session import Session
from neat_deep.search.taking_up import living_parents, restore_strategy, stored_state, take_up
from neat_deep.strategies.strategy import Strategy

NOTHING_LEFT = "the strategy has nothing left to propose"


def run_generations(experiment: StrategyExperiment, session: Session, scorer: Scorer, strategy: Strategy) -> str:
    """Search until the generations, the budget or the strategy's proposals end, and keep each; returns why it ended."""
    return _Loop(experiment, session, scorer, strategy).run()


class _Loop:
    def __init__(self, experiment: StrategyExperiment, session: Session, scorer: Scorer, strategy: Strategy) -> None:
        self._generations = experiment.run.generations
        self._size = experiment.search.generation_size
        self._keep_parents = experiment.search.keep_parents
        self._session = session
        self._store = session.store
        self._scorer = scorer
        self._strategy = strategy

    def run(self) -> str:
        generation = self._begin()
        journal = GenerationJournal(self._store, self._scorer)
        while not self._generations or generation < self._generations:
            started = time.perf_counter()
            candidates = [candidate_of(proposal, self._scorer.skeleton) for proposal in self._strategy.ask(self._size)]
            if not candidates:
                return NOTHING_LEFT
            parents = {candidate.number: candidate.parents for candidate in candidates}
            living = living_parents(self._strategy, self._keep_parents)
            if self._keep_parents:  # what was asked for just now may be the last child of a parent
                living = {*living, *(number for candidate in candidates for number in candidate.parents)}
            try:
                scores = self._scorer.score(candidates, living)
            except BudgetSpentError as end:
                if self._scorer.generation:
                    journal.write(generation, time.perf_counter() - started, finished=False, parents=parents)
                return str(end)
            self._strategy.tell(scores)
            seconds = time.perf_counter() - started
            journal.write(generation, seconds, parents=parents)
            self._session.generation_ended(self._scorer, 0, seconds)
            generation += 1
            self._keep_state(generation)
        return generations_done(generation)

    def _begin(self) -> int:
        """Begin, or resume from the store; returns the number of the next generation."""
        generation = self._store.last_generation()
        if generation is None:
            self._keep_state(0)
            return 0
        restore_strategy(self._strategy, stored_state(self._store, generation), self._store)
        take_up(self._session, self._scorer, generation, living_parents(self._strategy, self._keep_parents))
        return generation

    def _keep_state(self, generation: int) -> None:
        state = json.dumps(dict(self._strategy.state()), separators=(",", ":"))
        self._store.add_state(generation, state, b"", alone=True)
