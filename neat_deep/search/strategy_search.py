"""One search by a strategy of the registry, from settings to the best architecture, stopped and resumed."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from neat_deep.base.errors import StoreError
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.data import Dataset
from neat_deep.reports.summary import SearchListener
from neat_deep.scoring.budget import Budget, BudgetSpentError
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.scorer import Scorer, ScorerState
from neat_deep.scoring.scores import Counts, Score
from neat_deep.search.checks import check_experiment, make_strategy
from neat_deep.search.journal import GenerationJournal, stored_score
from neat_deep.search.result import SearchResult, generations_done
from neat_deep.search.session import Session, search_session
from neat_deep.search.workers import evaluating_in
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.proposals import Proposal
from neat_deep.strategies.strategy import Strategy


def search(
    experiment: StrategyExperiment,
    dataset: Dataset,
    folder: Path,
    console: Console,
    *,
    resume: bool = False,
    budget: Budget | None = None,
    listeners: Sequence[SearchListener] = (),
    started: float | None = None,
) -> SearchResult:
    """Search by the experiment's strategy and keep the run's store and traces in `folder`.

    With `resume` the run in `folder` is taken up after the last evaluation that ended, and ends as if it had never
    stopped. `budget` overrides what `[Run]` says about evaluations and samples; `started` is the point of
    `time.time()` from which the run's time counts. Raises `SearchError` when nothing valid
    was found, `StoreError` when the run cannot be resumed or written, and what `check_experiment` raises
    before anything is written.
    """
    check_experiment(experiment, dataset.spec, resume=resume)
    with search_session(
        experiment, dataset, folder, console, resume=resume, budget=budget, listeners=listeners, started=started
    ) as session:
        scorer = Scorer(
            dataset,
            experiment.fitness,
            experiment.training,
            experiment.network,
            device=session.device,
            seed=experiment.run.seed,
            listeners=session.listeners,
            journal=session.store,
            budget=session.budget,
        )
        strategy = make_strategy(experiment, scorer.skeleton)
        with evaluating_in(session.workers, experiment.run, scorer):
            ended = _Loop(experiment, session, scorer, strategy).run()
        return session.result(scorer, ended)


class _Loop:
    """Asks, scores and tells, generation by generation, and keeps each of them."""

    def __init__(self, experiment: StrategyExperiment, session: Session, scorer: Scorer, strategy: Strategy) -> None:
        self._generations = experiment.run.generations
        self._size = experiment.search.generation_size
        self._session = session
        self._store = session.store
        self._scorer = scorer
        self._strategy = strategy

    def run(self) -> str:
        """Search until the generations, the budget or the strategy's proposals end; returns why it ended."""
        generation = self._begin()
        journal = GenerationJournal(self._store, self._scorer)
        while not self._generations or generation < self._generations:
            started = time.perf_counter()
            candidates = [self._candidate(proposal) for proposal in self._strategy.ask(self._size)]
            if not candidates:
                return "the strategy has nothing left to propose"
            parents = {candidate.number: candidate.parents for candidate in candidates}
            try:
                scores = self._scorer.score(candidates)
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

    def _candidate(self, proposal: Proposal | Candidate) -> Candidate:
        """What a strategy proposed, as the scorer takes it: a cell stands in the skeleton that all of them share."""
        if isinstance(proposal, Candidate):
            return proposal
        return Candidate(proposal.number, Architecture(proposal.point, self._scorer.skeleton), proposal.parents)

    def _begin(self) -> int:
        """Begin, or take up what the store holds; returns the number of the next generation."""
        generation = self._store.last_generation()
        if generation is None:
            self._keep_state(0)
            return 0
        state = json.loads(self._store.state(generation)[0])
        try:
            self._strategy.restore(state)
        except (LookupError, TypeError, ValueError) as error:
            raise StoreError(
                f"{self._store.path}: not a state of this strategy: {type(error).__name__}: {error}"
            ) from None
        _resume(self._store, generation, self._session, self._scorer)
        return generation

    def _keep_state(self, generation: int) -> None:
        self._store.add_state(generation, json.dumps(dict(self._strategy.state()), separators=(",", ":")), b"")


def _resume(store: RunStore, generation: int, session: Session, scorer: Scorer) -> None:
    """Let the scorer know all that the run has scored, and the listeners what its generations came to."""
    records = [record for record in store.candidates() if record.generation < generation]
    counts, scores = Counts(), dict[int, list[Score]]()
    for record in records:
        score = stored_score(record)
        counts = counts.add(score)
        scores.setdefault(record.generation, []).append(score)
    best = next((record for record in reversed(store.best()) if record.generation < generation), None)
    best_score = None
    if best is not None:
        place = best.generation, best.candidate
        record = next(record for record in records if (record.generation, record.candidate) == place)
        best_score = stored_score(record, store.architecture(best.digest))
    parents = [
        (Candidate(record.candidate, store.architecture(record.digest), record.parents), record.key)
        for record in records
        if record.generation == generation - 1 and record.key
    ]
    scorer.resume(ScorerState(generation, store.evaluations(), parents, best_score, counts))
    finished = [figures for figures in store.generations() if figures.generation < generation]
    history = [(scores.get(figures.generation, []), 0, figures.seconds) for figures in finished]
    session.resumed(history, scorer.best)
