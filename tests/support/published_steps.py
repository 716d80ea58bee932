"""Steps of the published experiment that are only pretended to be done."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from neat_deep.cli.published.folder import ExperimentFolder, Result
from neat_deep.cli.published.plan import Step
from neat_deep.cli.published.task import Task, Where
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge

CELL = CellGraph(1, (CellNode((Edge(0, "identity"), Edge(0, "max_pool_3", "relu")), key=0),))
ARCHITECTURE = Architecture(CELL, Skeleton(channels=4, cells=1)).to_json()
WHERE = Where(None, "cpu")


def made_result(step: Step) -> Result:
    """What a step might come to."""
    if step.kind == "search":
        architectures = [ARCHITECTURE] * step.finds
        cost = {"samples": 800, "finalist_samples": 200, "networks": 8, "seconds": 4.0, "core_seconds": 8.0}
        return {"architectures": architectures, "validation_accuracy": 0.9, **cost}
    if step.kind == "vote":
        members = [0.95] * len(step.needs)
        return {"test_accuracy": 0.97, "member_accuracies": members, "parameters": 300, "macs": 600, "seconds": 1}
    accuracy = 0.9 + 0.01 * step.seed
    return {"test_accuracy": accuracy, "parameters": 1234, "macs": 5678, "nodes": 1, "seconds": 2.0, "file": "a.pt"}


class Pretending:
    """Does steps at once, and counts how often each was begun; it stops at the one that is number `stop_at` (from 0).

    It refuses a step that something is missing for.
    """

    def __init__(self, stop_at: int = -1) -> None:
        self.counts: Counter[str] = Counter()
        self._stop_at = stop_at

    def __call__(self, task: Task) -> Result:
        """Do a step."""
        self.counts[task.step.name] += 1
        assert set(task.inputs) == set(task.step.needs)
        if self.counts.total() - 1 == self._stop_at:
            raise KeyboardInterrupt
        return made_result(task.step)


def empty_folder(path: Path) -> ExperimentFolder:
    """A folder for the results of steps."""
    path.mkdir(exist_ok=True)
    return ExperimentFolder(path)
