"""The loop without generations: a new candidate is asked for as soon as an evaluation ends."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Sequence

from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.scores import Score
from neat_deep.scoring.steady import SteadyScorer
from neat_deep.search.generation_loop import NOTHING_LEFT
from neat_deep.search.journal import GenerationJournal, stored_score
from neat_deep.search.proposing import candidate_of
from neat_deep.search.result import generations_done
from neat_deep.search.session import Session
from neat_deep.search.taking_up import living_parents, recent_scores, restore_strategy, stored_state, take_up
from neat_deep.space.architecture import Architecture
from neat_deep.strategies.strategy import Strategy


def run_asynchronously(
    experiment: StrategyExperiment, session: Session, scorer: SteadyScorer, strategy: Strategy
) -> str:
    """Search until the generations, the budget or the strategy's proposals end; returns why it ended.

    A generation is `generation_size` scores in a row. With each score the store keeps the strategy's state and the
    candidates that are evaluated at that moment: a resumed run begins with them, and loses no score.
    """
    return _Loop(experiment, session, scorer, strategy).run()


class _Loop:
    def __init__(
        self, experiment: StrategyExperiment, session: Session, scorer: SteadyScorer, strategy: Strategy
    ) -> None:
        self._generations = experiment.run.generations
        self._size = experiment.search.generation_size
        self._keep_parents = experiment.search.keep_parents
        self._recent = recent_scores(experiment.search)
        self._session = session
        self._store = session.store
        self._scorer = scorer
        self._strategy = strategy
        self._generation = 0
        self._running: dict[int, Candidate] = {}
        self._stopped: deque[Candidate] = deque()  # those that were running when the run stopped
        self._parents: dict[int, Sequence[int]] = {}  # of the scores of this generation
        self._started = time.perf_counter()

    def run(self) -> str:
        known = self._begin()
        self._journal = GenerationJournal(self._store, self._scorer)
        self._scorer.take_up(known)
        refusal = self._scorer.run(self._ask, self._tell, self._living)
        if refusal:
            return refusal
        return generations_done(self._generation) if self._is_last() else NOTHING_LEFT

    def _ask(self) -> Candidate | None:
        if self._stopped:
            return self._stopped.popleft()
        if self._is_last():
            return None
        proposals = self._strategy.ask(1)
        if not proposals:
            return None
        candidate = candidate_of(proposals[0], self._scorer.skeleton)
        self._running[candidate.number] = candidate
        return candidate

    def _is_last(self) -> bool:
        """Whether all that the generations ask for is scored or running."""
        begun = self._generation * self._size + len(self._scorer.generation) + len(self._running)
        return bool(self._generations) and begun >= self._generations * self._size

    def _living(self) -> set[int]:
        parents = (number for candidate in self._running.values() for number in candidate.parents)
        return {*living_parents(self._strategy, self._keep_parents), *parents}

    def _tell(self, score: Score) -> None:
        self._parents[score.candidate] = self._running.pop(score.candidate).parents
        self._strategy.tell([score])
        is_finished = len(self._scorer.generation) == self._size
        seconds = time.perf_counter() - self._started
        self._journal.write(self._generation, seconds, finished=is_finished, parents=self._parents)
        if is_finished:
            self._session.generation_ended(self._scorer, 0, seconds)
            self._scorer.end_batch()
            self._generation += 1
            self._parents, self._started = {}, time.perf_counter()
        self._keep_state(back_up=is_finished)

    def _begin(self) -> list[Score]:
        """Begin, or resume from the store; returns the scores of a generation that is not finished."""
        generation = self._store.last_generation()
        if generation is None:
            self._keep_state(back_up=True)
            return []
        self._generation = generation
        state = stored_state(self._store, generation)
        restore_strategy(self._strategy, state["strategy"], self._store)
        for number, architecture, parents in state["running"]:
            self._running[number] = Candidate(number, Architecture.from_json(architecture), tuple(parents))
        self._stopped.extend(self._running.values())
        records = self._store.candidates()  # in the order in which their evaluations ended
        # The store may have one score more, written just before the run stopped: `_ask` gives that candidate again.
        current = [r for r in records if r.generation == generation and r.candidate in state["told"]]
        scored = [r.candidate for r in (*(r for r in records if r.generation < generation), *current) if r.key]
        take_up(self._session, self._scorer, generation, self._living(), scored[-self._recent :])
        self._parents = {record.candidate: record.parents for record in current}
        earlier = (figures.seconds for figures in self._store.generations() if figures.generation == generation)
        self._started -= sum(earlier)
        return [
            stored_score(record, None if record.objective is None else self._store.architecture(record.digest))
            for record in current
        ]

    def _keep_state(self, *, back_up: bool) -> None:
        state = {
            "strategy": dict(self._strategy.state()),
            "told": [score.candidate for score in self._scorer.generation],
            "running": [[c.number, c.architecture.to_json(), list(c.parents)] for c in self._running.values()],
        }
        text = json.dumps(state, separators=(",", ":"))
        self._store.add_state(self._generation, text, b"", back_up=back_up, alone=True)
