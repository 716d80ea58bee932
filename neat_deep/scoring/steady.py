"""Scoring without generations: a new evaluation begins as soon as one ends."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from neat_deep.base.randomness import preserved
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.executors import Executor, InProcess
from neat_deep.scoring.job import Job, JobResult
from neat_deep.scoring.kinship import Entry
from neat_deep.scoring.scorer import NO_NEW_NETWORK, Scorer, ScorerState
from neat_deep.scoring.scores import Score, all_raised

MOST_KNOWN = 1000  # proposals in a row without a network to train, after which a search ends


class SteadyScorer(Scorer):
    """Scores candidates one by one, in the order in which their evaluations end, so that no worker waits for another.

    For the books, `batch` scores in a row count as a generation: `generation` has those since `end_batch`. A fitness is
    the objective itself; there is nothing to compare it with but all that came before. There are no rungs. The
    candidates of the last `recent` scores may be parents, whatever their age; of the others those that live on.
    """

    def __init__(self, *arguments: Any, batch: int, recent: int = 1, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._known.counts_at_once = True
        self._batch = batch
        self._recent: deque[Entry] = deque(maxlen=recent)
        self._pending: set[tuple[str, int]] = set()  # key and rung of evaluations stored just before a stop
        self._is_open = False  # whether the listeners know that the batch has begun
        self._running: dict[str, list[Entry]] = {}  # by key: more than one entry for twins
        self._lowest = math.inf

    def resume(self, state: ScorerState) -> None:
        """Take up a run that stopped; what it had scored of a batch is for `take_up`."""
        super().resume(state)
        self._recent.extend(self._entry_of(*parent) for parent in state.parents)
        worths = [self._worth(record) for record in state.evaluations]
        self._lowest = min((worth for worth in worths if worth is not None), default=math.inf)

    def take_up(self, scores: Sequence[Score]) -> None:
        """Resume a batch of which these scores are known.

        `ask` gives its other evaluated candidates again, and they end at once; until then their weights are kept. Where
        all of the batch raised, these are tried again instead: the run had ended there, or it could never continue.
        """
        for score in scores:
            self._tell(score)
        scored = {score.candidate for score in scores}
        records = self._known.of_this_generation()
        if all_raised([*(score.status for score in scores), *(record.status for record in records)]):
            self._known.forget(record.key for record in records)
            records = []
        self._pending = {(record.key, record.rung) for record in records if record.candidate not in scored}

    def run(
        self,
        ask: Callable[[], Candidate | None],
        tell: Callable[[Score], None],
        living: Callable[[], Collection[int]] = tuple,
    ) -> str:
        """Evaluate what `ask` gives whenever there is room, and `tell` each score as it is known.

        Where `ask` gives None it is asked again after the next score. `living` gives the numbers of candidates whose
        weights may still be inherited. Returns why no more could begin, empty where `ask` had nothing more to give.
        """
        jobs = _Jobs(lambda: self._next_job(ask, tell, living))
        with preserved():
            for job, result in self._executor.run(jobs):
                entries = self._running.pop(job.key)
                record = self._keep(job, result, entries[0])
                if record is None:
                    continue
                for entry in entries:
                    self._end(self._score(entry, record), entry, tell)
        return jobs.refusal

    def _executor_of_signals(self) -> Executor[Job, JobResult]:
        return InProcess(self.evaluate)  # the other has evaluations in the making

    def end_batch(self) -> None:
        """Let the next score be the first of another batch; raises `SearchError` if all of this one raised."""
        if self.generation:
            self._fitness_of_nothing()
        self.generation = []
        self._known.end_generation()
        self._is_open = False

    def _next_job(
        self, ask: Callable[[], Candidate | None], tell: Callable[[Score], None], living: Callable[[], Collection[int]]
    ) -> Job | str | None:
        """The next evaluation; why there is none any more, or None where there is none now."""
        for _ in range(MOST_KNOWN):
            if refusal := self.budget.refusal():
                return refusal
            candidate = ask()
            if candidate is None:
                return None
            if self.settings.inherit:
                self._keep_parents({*living(), *candidate.parents})
            entry = self._enter(candidate)
            if isinstance(entry, Score):
                self._end(entry, None, tell)
                continue
            record = self._known.get(entry.key, 0)
            if record is not None:
                self._end(self._score(entry, record), entry, tell)
            elif entry.key in self._running:
                self._running[entry.key].append(entry)
            else:
                self._running[entry.key] = [entry]
                return self._job(entry, 0, self._batch)
        return f"{NO_NEW_NETWORK} {MOST_KNOWN} proposals"

    def _keep_parents(self, living: Collection[int]) -> None:
        self._kinship.retain(living)
        self._journal.keep_weights(self._kinship.needed_weights() | self._pending)
        self._kinship.keep(self._journal.kept_weights())

    def _end(self, score: Score, entry: Entry | None, tell: Callable[[Score], None]) -> None:
        """One candidate is done."""
        if score.objective is not None:
            self._lowest = min(self._lowest, score.objective)
        below = math.nextafter(self._lowest, -math.inf) if self._lowest < math.inf else 0.0
        score = dataclasses.replace(score, fitness=below if score.objective is None else score.objective)
        if entry is not None:
            self._recent.append(entry)
            self._kinship.follow(self._recent)
            self._pending.discard((entry.key, 0))
        self._tell(score)
        known = {one.key: self._known.get(one.key, one.rung) for one in self.generation}
        self.cost = self._cost({key: record for key, record in known.items() if record is not None})
        tell(score)

    def _tell(self, score: Score) -> None:
        if not self._is_open:
            self._is_open = True
            for listener in self._listeners:
                listener.generation_started(self._known.generation, self._batch)
        super()._tell(score)


class _Jobs(Iterator[Job]):
    """Jobs, as an executor takes them: where there is none now, there may be one after the next result."""

    def __init__(self, next_job: Callable[[], Job | str | None]) -> None:
        self._next_job = next_job
        self.refusal = ""

    def __next__(self) -> Job:
        job = None if self.refusal else self._next_job()
        if isinstance(job, str):
            self.refusal = job
        if not isinstance(job, Job):
            raise StopIteration
        return job
