"""Trainings of a benchmark in several processes, each with one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from neat_deep.base.errors import SearchError
from neat_deep.scoring.executors import WorkerDied, WorkerPool

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")


def in_processes(tasks: Sequence[Task], do: Callable[[Task], Outcome], processes: int) -> Iterator[Outcome]:
    """What `do` returns for each task, as they end; raises `SearchError` for one that no process could do."""
    pool = WorkerPool[Task, Outcome](do, processes, threads=1)
    try:
        for task, outcome in pool.run(tasks):
            if isinstance(outcome, WorkerDied):
                raise SearchError(f"{task}: {outcome.reason}")
            yield outcome
    finally:
        pool.close()
