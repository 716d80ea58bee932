"""Where a search's evaluations run: one process for each core, unless the settings say otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch

from neat_deep.base.devices import cores
from neat_deep.base.errors import ConfigError
from neat_deep.config.run_settings import RunSettings
from neat_deep.scoring.executors import AUTO, RAY, Executor, RayWorkers, WorkerPool, check_workers
from neat_deep.scoring.job import THREADS, Evaluator, Job, JobResult


class Evaluating(Protocol):
    """What has evaluations to run: a scorer, a trainer of finalists."""

    evaluate: Evaluator

    def use(self, executor: Executor[Job, JobResult]) -> None:
        """Run evaluations there from now on."""


@dataclass(frozen=True)
class WorkerPlan:
    """How many processes evaluate (0: this one), or `ray`, and what to tell the user about it."""

    workers: str
    note: str


def plan_workers(workers: str, device: torch.device, ray_gpus: float = 0.0) -> WorkerPlan:
    """What the setting `workers` comes to on this machine; raises `ConfigError` for what is asked for and cannot be.

    Ray hides every GPU from an evaluation that asked for none (`ray_gpus`), and numbers those that it gives anew.
    `auto` is one process for each core on the CPU, this process on an accelerator or a single core, or where a user's
    ops cannot be imported by another process.
    """
    if workers != AUTO:
        check_workers(workers)
        if workers == RAY and device.type == "cuda":
            _check_gpus(device, ray_gpus)
        return WorkerPlan(workers, _describe(workers))
    count = cores()
    if device.type != "cpu":
        return WorkerPlan("0", "evaluations run in this process, on one accelerator")
    if count == 1:
        return WorkerPlan("0", "evaluations run in this process: there is one core")
    try:
        check_workers(str(count))
    except ConfigError as error:
        reason = str(error).removeprefix("[Run] workers: ").partition("; allowed")[0]
        return WorkerPlan("0", f"evaluations run in this process: {reason}")
    return WorkerPlan(str(count), _describe(str(count)))


def _check_gpus(device: torch.device, ray_gpus: float) -> None:
    if device.index is not None:
        raise ConfigError(f"[Run] device: got {device}, allowed with workers = {RAY}: cuda, cpu or auto")
    if not ray_gpus:
        raise ConfigError(
            f"[Run] ray_gpus: got 0, allowed with workers = {RAY} on a GPU: the share of one that an evaluation takes,"
            " such as 0.5 or 1; or device = cpu"
        )


def _describe(workers: str) -> str:
    if workers in ("0", "1"):
        return "evaluations run in this process, on one thread"
    return "evaluations run on Ray" if workers == RAY else f"evaluations run in {workers} processes of one thread each"


@contextmanager
def evaluating_in(plan: WorkerPlan, run: RunSettings, evaluating: Evaluating, *, ahead: bool = True) -> Iterator[None]:
    """Within the block `evaluating` evaluates where `plan` says; `ahead` as `RayWorkers` takes it."""
    if plan.workers in ("0", "1"):
        yield
        return
    executor = (
        RayWorkers(evaluating.evaluate, THREADS, address=run.ray_address, gpus=run.ray_gpus, ahead=ahead)
        if plan.workers == RAY
        else WorkerPool(evaluating.evaluate, int(plan.workers), THREADS)
    )
    evaluating.use(executor)
    try:
        yield
    finally:
        executor.close()
