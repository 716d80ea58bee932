"""Does the steps of a plan that are not done, and keeps what each comes to before the next begins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from neat_deep.base.errors import SearchError
from neat_deep.cli.published.folder import ExperimentFolder, Result
from neat_deep.cli.published.plan import Step
from neat_deep.cli.published.task import Task, Where
from neat_deep.scoring.executors import Executor, WorkerDied


class Watcher(Protocol):
    """Who hears of the steps as they begin and end."""

    def began(self, step: Step) -> None:
        """A step begins."""
        ...

    def ended(self, step: Step, result: Result, seconds: float) -> None:
        """A step is done, and kept."""
        ...


class Runner:
    """Does steps: those that use all cores in this process, by `perform`, the others where `executor` runs them."""

    def __init__(
        self,
        folder: ExperimentFolder,
        where: Where,
        perform: Callable[[Task], Result],
        executor: Executor[Task, Result],
        watchers: Sequence[Watcher] = (),
    ) -> None:
        self._folder = folder
        self._where = where
        self._perform = perform
        self._executor = executor
        self._watchers = watchers
        self._began: dict[str, float] = {}
        self._results: dict[str, Result] = {}

    def run(self, plan: Sequence[Step]) -> None:
        """Do a plan's remaining steps in order; raises what a step raises, and `SearchError` if its process died.

        Each result is kept, so the same call resumes after an interruption.
        """
        known = {step.name: self._folder.result(step) for step in plan}
        self._results = {name: result for name, result in known.items() if result is not None}
        remaining = [step for step in plan if step.name not in self._results]
        for step in remaining:
            if step.all_cores:
                self._keep(step, self._perform(self._begin(step)))
        waiting = [step for step in remaining if not step.all_cores]
        for task, result in self._executor.run(_Ready(self, waiting)):
            if isinstance(result, WorkerDied):
                raise SearchError(
                    f"{task.step.name}: {result.reason}; {self._folder.log(task.step)} may say more; what is done is "
                    "kept, and the same command goes on"
                )
            self._keep(task.step, result)

    def next_of(self, waiting: list[Step]) -> Task | None:
        """The first step that can begin, taken from the list and begun; None if all wait for others."""
        for step in waiting:
            if all(name in self._results for name in step.needs):
                waiting.remove(step)
                return self._begin(step)
        return None

    def _begin(self, step: Step) -> Task:
        self._began[step.name] = time.monotonic()
        for watcher in self._watchers:
            watcher.began(step)
        return Task(self._folder, step, self._where, {name: self._results[name] for name in step.needs})

    def _keep(self, step: Step, result: Result) -> None:
        self._folder.keep(step, result)
        self._results[step.name] = result
        seconds = time.monotonic() - self._began[step.name]
        for watcher in self._watchers:
            watcher.ended(step, result, seconds)


class _Ready(Iterator[Task]):
    """The tasks of steps as they can begin; it has none while all wait, and is asked again when one has ended."""

    def __init__(self, runner: Runner, waiting: list[Step]) -> None:
        self._runner = runner
        self._waiting = waiting

    def __next__(self) -> Task:
        task = self._runner.next_of(self._waiting)
        if task is None:
            raise StopIteration
        return task
