"""Evaluations that only sleep; in a module of its own, since workers import what they run by its name."""

from __future__ import annotations

import time

from neat_deep.scoring.job import Job, JobResult
from neat_deep.scoring.scores import SCORED


def sleep(seconds: float) -> float:
    """An evaluation that needs no core."""
    time.sleep(seconds)
    return seconds


def sleep_through(seconds: float, job: Job) -> JobResult:
    """An evaluation that sleeps as long as its network's name says, in the mean `seconds`, and is worth as much."""
    share = (int(job.key[-1], 16) + 0.5) / 16
    time.sleep(2 * seconds * share)
    metrics = {"accuracy": share, "loss": 1.0, "parameters": 1.0, "macs": 1.0}
    return JobResult(SCORED, metrics, seconds=2 * seconds * share)
