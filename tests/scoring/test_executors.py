"""Workers: the same results as without, whatever dies on the way."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from neat_deep.base.errors import ConfigError
from neat_deep.evolution.fitness import FitnessEvaluator
from neat_deep.ops import register_op
from neat_deep.scoring.executors import InProcess, RayWorkers, WorkerDied, WorkerPool, check_workers
from neat_deep.scoring.scores import DIVERGED, RAISED, SCORED
from tests.support import toy_data, worker_tasks
from tests.support.random_cells import genome_config
from tests.support.stored_rows import rows
from tests.support.toy_genomes import genomes
from tests.support.toy_search import ALL_ON, PLAIN, experiment, search


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool[int, Any]]:
    made = WorkerPool(worker_tasks.double, workers=2, threads=1)
    yield made
    made.close()


def test_tasks_run_in_other_processes(pool: WorkerPool[int, Any]) -> None:
    results = dict(pool.run(range(101, 121)))
    assert {task: result[0] for task, result in results.items()} == {n: 2 * n for n in range(101, 121)}
    pids = {result[1] for result in results.values()}
    assert os.getpid() not in pids
    assert {result[2] for result in results.values()} == {1}
    assert {result[1] for _, result in pool.run([101, 102, 103, 104])} <= pids | {
        worker.process.pid for worker in pool._workers if worker is not None
    }  # they live on from generation to generation


def test_tasks_are_taken_as_there_is_room(pool: WorkerPool[int, Any]) -> None:
    taken = []

    def tasks() -> Iterator[int]:
        for task in range(101, 111):
            taken.append(task)
            yield task

    running = pool.run(tasks())
    next(running)
    assert len(taken) <= 4


def test_a_task_that_kills_its_worker_twice_says_so(pool: WorkerPool[int, Any]) -> None:
    results = dict(pool.run([1, 13, 2]))
    assert results[13] == WorkerDied("its worker was killed by signal 9, 2 times")
    assert [results[task][0] for task in (1, 2)] == [2, 4]


def test_a_worker_that_dies_is_replaced_and_its_task_tried_again(tmp_path: Path) -> None:
    pool = WorkerPool(worker_tasks.DiesOnce(tmp_path), workers=1, threads=1)
    assert list(pool.run([1])) == [(1, 1)]
    pool.close()


def test_in_process_runs_in_order() -> None:
    assert list(InProcess(abs).run([-1, -2])) == [(-1, 1), (-2, 2)]


# --- searches --------------------------------------------------------------------------------------------------------


def test_any_number_of_workers_gives_the_same_run_and_may_change(tmp_path: Path) -> None:
    search(tmp_path / "here", experiment(ALL_ON, generations=3, threads=1))
    search(tmp_path / "pool", experiment(ALL_ON, generations=2, workers="2", threads=1))
    search(tmp_path / "pool", experiment(ALL_ON, generations=3, threads=1), resume=True)
    assert rows(tmp_path / "here", ("settings",)) == rows(tmp_path / "pool", ("settings",))
    evaluations = rows(tmp_path / "pool")["evaluations"]
    assert len({row[:3] for row in evaluations}) == len({row[1:3] for row in evaluations})  # nothing was done twice
    assert any("-" in row[1] for row in evaluations)  # and some inherited


class Config:
    def __init__(self, ops: str) -> None:
        self.genome_config = genome_config(op_options=ops)


@pytest.mark.usefixtures("registrations")
def test_faults_on_purpose_cost_their_own_genomes_only() -> None:
    """An op that raises, one that gives NaN, one that allocates too much, a worker that is killed."""
    names = ("raises", "gives_nan", "allocates", "kills")
    for name in names:
        register_op(name, parametric=False)(getattr(worker_tasks, name))
    config = Config(" ".join(["sep_conv_1", "max_pool_3", *names]))

    def evaluator() -> FitnessEvaluator:
        return toy_data.evaluator(PLAIN)

    together, alone = evaluator(), evaluator()
    pool = WorkerPool(together.scorer.evaluate, workers=1, threads=1)
    together.scorer.use(pool)
    made = genomes(config, *names, "sep_conv_1", "max_pool_3")  # type: ignore[arg-type]
    together(made, config)
    pool.close()
    sound = genomes(config, "sep_conv_1", "max_pool_3")  # type: ignore[arg-type]
    alone(sound, config)
    assert [score.status for score in together.generation] == [RAISED, DIVERGED, RAISED, RAISED, SCORED, SCORED]
    reasons = [score.reason for score in together.generation]
    for reason, part in zip(
        reasons, ("KeyError", "loss became nan", "the memory ran out when", "killed by signal 9, 2"), strict=False
    ):
        assert part in reason
    assert [genome.fitness for _, genome in made[4:]] == [genome.fitness for _, genome in sound]


@pytest.mark.usefixtures("registrations")
def test_an_op_that_cannot_be_sent_is_refused_by_name() -> None:

    @register_op("homemade", parametric=False)
    def homemade(spec: object) -> torch.nn.Module:
        return torch.nn.Identity()

    check_workers("0")
    with pytest.raises(ConfigError, match=r"\[Run\] workers: the op 'homemade' is made inside a function"):
        check_workers("2")


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="ray is installed")
def test_without_ray_the_message_names_the_extra() -> None:
    with pytest.raises(ConfigError, match=r"workers: got 'ray', which is not installed; .*'neat-deep\[ray\]'"):
        check_workers("ray")


OWN_OP = """
from torch import nn
from neat_deep.ops import get_op, register_op
from neat_deep.scoring.executors import RayWorkers, WorkerPool


class Mine(nn.Module):
    pass


@register_op("mine", ranks={2}, parametric=False)
def mine(spec):
    return Mine()


def make(name):
    return type(get_op(name).factory(None)).__name__


if __name__ == "__main__":
    workers = %s
    print([result for _, result in workers.run(["mine"])])
    workers.close()
"""


@pytest.mark.parametrize(
    "workers",
    [
        "WorkerPool(make, 1, 1)",
        pytest.param(
            "RayWorkers(make, 1)",
            marks=pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed"),
        ),
    ],
)
def test_an_op_of_the_script_itself_reaches_its_workers(workers: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(OWN_OP % workers)
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=False)
    assert "['Mine']" in done.stdout, done.stderr


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")
def test_ray_gives_the_same_run(tmp_path: Path) -> None:
    for workers in ("0", "ray"):
        search(tmp_path / workers, experiment(ALL_ON, generations=2, workers=workers, threads=1))
    assert rows(tmp_path / "0", ("settings",)) == rows(tmp_path / "ray", ("settings",))


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")
@pytest.mark.parametrize("address", ["nonsense", "auto"])  # no cluster runs here
def test_an_address_without_a_cluster_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=rf"\[Run\] ray_address: got {address}: "):
        RayWorkers(worker_tasks.double, 1, address=address)


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")
def test_ray_tries_twice_and_tells_a_death_from_an_error(tmp_path: Path) -> None:
    """One Ray for all, since starting it takes most of the time."""
    import ray

    ray.init(address="local", num_cpus=2, log_to_driver=False)
    try:
        killed = dict(RayWorkers(worker_tasks.double, 1).run([1, 13, 2]))
        once = dict(RayWorkers(worker_tasks.DiesOnce(tmp_path), 1).run([1]))
        raised = dict(RayWorkers(worker_tasks.refuses, 1).run([1]))
        taken = {ahead: taken_before_the_first_result(ahead) for ahead in (True, False)}
    finally:
        ray.shutdown()
    assert killed[13] == WorkerDied("Ray: WorkerCrashedError, 2 times")
    assert [killed[task][0] for task in (1, 2)] == [2, 4]  # type: ignore[index]
    assert once == {1: 1}
    assert raised == {1: WorkerDied("Ray: not on this machine: 1")}
    assert taken == {True: 4, False: 2}  # on two CPUs


def taken_before_the_first_result(ahead: bool) -> int:
    waiting = iter(range(1, 9))
    results = RayWorkers(worker_tasks.double, 1, ahead=ahead).run(waiting)
    next(results)
    results.close()  # type: ignore[attr-defined]
    return next(waiting) - 1
