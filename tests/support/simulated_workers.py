"""An executor whose workers take the time that a formula says, on a clock of its own, and are seen when idle."""

from __future__ import annotations

import heapq
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.scoring.executors import WorkerDied
from neat_deep.scoring.job import Job, JobResult
from neat_deep.scoring.scorer import Scorer
from neat_deep.scoring.scores import SCORED
from neat_deep.search.result import SearchResult
from neat_deep.search.strategy_search import search
from tests.support.toy_search import DATA


class SimulatedWorkers:
    """Does jobs in `seconds_of` them each, so many at once; `idle` are the seconds that workers spent without one.

    A job's network is worth what its digest says. Each leaves `weights`. `taken` has for each job how many were done
    when it began.
    """

    def __init__(self, workers: int, seconds_of: Callable[[Job], float], weights: bytes | None = None) -> None:
        self._workers = workers
        self._seconds_of = seconds_of
        self._weights = weights
        self.taken: dict[str, int] = {}
        self.now = self.idle = 0.0
        self.most_busy = 0
        self.done: list[str] = []

    def run(self, tasks: Iterable[Job]) -> Iterator[tuple[Job, JobResult | WorkerDied]]:
        """Each job with its result, in the order in which they end."""
        waiting = iter(tasks)
        busy: list[tuple[float, int, Job]] = []
        number = 0
        while True:
            while len(busy) < self._workers and (job := next(waiting, None)) is not None:
                self.taken[job.key] = len(self.done)
                heapq.heappush(busy, (self.now + self._seconds_of(job), number, job))
                number += 1
            if not busy:
                return
            self.most_busy = max(self.most_busy, len(busy))
            end, _, job = heapq.heappop(busy)
            self.idle += (self._workers - len(busy) - 1) * (end - self.now)
            self.now = end
            self.done.append(job.key)
            metrics = {"accuracy": int(job.key[:6], 16) / 16**6, "loss": 1.0, "parameters": 1, "macs": 1}
            yield job, JobResult(SCORED, metrics, samples=96, seconds=self._seconds_of(job), weights=self._weights)

    def close(self) -> None:
        """Nothing to end."""


def search_with(
    workers: SimulatedWorkers, folder: Path, experiment: StrategyExperiment, resume: bool = False
) -> SearchResult:
    """The search, with its evaluations by the simulated workers."""

    @contextmanager
    def evaluating(_: object, __: object, scorer: Scorer, **___: object) -> Iterator[None]:
        scorer.use(workers)
        yield

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neat_deep.search.strategy_search.evaluating_in", evaluating)
        return search(experiment, DATA, folder, Console(file=io.StringIO(), width=200), resume=resume)


def uneven(job: Job) -> float:
    """From 1 to 16 seconds, by the network."""
    return 1.0 + int(job.key[-1], 16)
