"""Steps done one after the other, stopped at each of them, and taken up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from neat_deep.base.errors import SearchError, StoreError
from neat_deep.cli.published.folder import ExperimentFolder, Result
from neat_deep.cli.published.plan import Step, make_plan
from neat_deep.cli.published.runner import Runner
from neat_deep.cli.published.scales import get_scale
from neat_deep.cli.published.task import Task
from neat_deep.scoring.executors import InProcess, WorkerDied
from tests.support.published_steps import WHERE, Pretending, empty_folder, made_result

PLAN = make_plan(get_scale("quick"), seed=1, trainings=1, transfers=1)


def run(folder: ExperimentFolder, work: Pretending, plan: Iterable[Step] = PLAN) -> None:
    Runner(folder, WHERE, work, InProcess(work)).run([*plan])


@pytest.mark.parametrize("stop_at", range(len(PLAN)))
def test_a_stop_at_any_step_costs_that_step_alone(tmp_path: Path, stop_at: int) -> None:
    folder, first, second = empty_folder(tmp_path), Pretending(stop_at), Pretending()
    with pytest.raises(KeyboardInterrupt):
        run(folder, first)
    run(folder, second)
    twice = [step.name for step in PLAN if first.counts[step.name] + second.counts[step.name] != 1]
    assert twice == [[*first.counts][stop_at]]
    assert all(folder.result(step) == {"step": step.name, **made_result(step)} for step in PLAN)


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    folder, again = empty_folder(tmp_path), Pretending()
    run(folder, Pretending())
    run(folder, again)
    assert not again.counts


class _Two:
    """Two workers, of which the second is always ready first."""

    def __init__(self, work: Pretending) -> None:
        self._work = work
        self.most = 0

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Result | WorkerDied]]:
        waiting, running = iter(tasks), list[Task]()
        while True:
            while len(running) < 2 and (task := next(waiting, None)) is not None:
                running.append(task)
            if not running:
                return
            self.most = max(self.most, len(running))
            task = running.pop()
            yield task, self._work(task)

    def close(self) -> None:
        """Nothing to end."""


def test_steps_run_side_by_side_as_soon_as_they_can(tmp_path: Path) -> None:
    folder, work = empty_folder(tmp_path), Pretending()
    workers = _Two(work)
    Runner(folder, WHERE, work, workers).run(PLAN)
    assert workers.most == 2
    assert work.counts == dict.fromkeys((step.name for step in PLAN), 1)


class _Dying(_Two):
    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Result | WorkerDied]]:
        for task in tasks:
            yield task, WorkerDied("its worker was killed by signal 9, 2 times")


def test_a_step_whose_process_dies_ends_the_command_in_one_line(tmp_path: Path) -> None:
    folder, work = empty_folder(tmp_path), Pretending()
    with pytest.raises(SearchError, match="search-digits-darts: its worker was killed by signal 9.*the same command"):
        Runner(folder, WHERE, work, _Dying(work)).run(PLAN)
    assert {name for name in work.counts if folder.result(_step(name))} == set(work.counts)


@pytest.mark.parametrize("text", ["{", "[]", '{"step": "another"}', ""])
def test_a_damaged_result_is_named(tmp_path: Path, text: str) -> None:
    folder, step = empty_folder(tmp_path), PLAN[0]
    folder.keep(step, {})
    (path,) = (tmp_path / "steps").iterdir()
    path.write_text(text)
    with pytest.raises(StoreError, match=f"{path.name} is .*; remove it, and the same command does the step again"):
        run(folder, Pretending())


def _step(name: str) -> Step:
    return next(step for step in PLAN if step.name == name)
