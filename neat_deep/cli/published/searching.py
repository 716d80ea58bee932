"""A search as a step of the experiment: an ordinary run in the experiment's folder, begun or taken up."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neat_deep.base.devices import cores, get_device
from neat_deep.base.errors import SearchError
from neat_deep.cli.published.folder import Result
from neat_deep.cli.published.plan import NEAT, RANDOM
from neat_deep.cli.published.task import Task
from neat_deep.cli.request import Request
from neat_deep.cli.searching import resume_search, search_by
from neat_deep.reports.ensemble import choose_members
from neat_deep.reports.html.result_file import RESULT, number, read_result
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.registry import STRATEGIES

BEST = "best.json"


def search(task: Task) -> Result:
    """Search, without a final training; returns the best networks and the cost. Raises what the search raises."""
    step = task.step
    run = task.folder.run(step.data, step.source)
    if not (run / RESULT).is_file():
        _search(task, run)
    result = read_result(run)
    if not result:
        raise SearchError(f"{run / RESULT} is damaged; remove {run}, and the same command searches again")
    architectures = [Architecture.load(run / BEST)]
    if step.finds > 1:
        architectures += _further_voters(run, architectures[0], step.finds - 1)
    finalists = result.get("finalists", [])
    return {
        "architectures": [architecture.to_json() for architecture in architectures],
        "validation_accuracy": number(result, "validation_accuracy"),
        "samples": int(number(result, "samples") or 0),
        "finalist_samples": sum(int(finalist["samples"]) for finalist in finalists),
        "networks": result.get("networks_scored"),
        "seconds": number(result, "search_seconds"),
        "core_seconds": _core_seconds(task, result),
    }


def request_of(task: Task) -> Request:
    """What a search that begins anew asks for."""
    step = task.step
    # Random search is over the space that NEAT's file describes, at NEAT's cost.
    source = NEAT if step.source == RANDOM else step.source
    given: dict[str, Any] = {**task.where.options(step.data), "seed": step.seed}
    given["out"] = str(task.folder.run(step.data, step.source))
    if step.source == RANDOM:
        given["strategy"] = RANDOM
        if step.needs[0] in task.inputs:
            given["samples"] = max(1, task.inputs[step.needs[0]]["samples"])
    if not step.all_cores:
        given["threads"] = 1
    return Request(task.folder.config(step.data, source), given=given, search_only=True)


def _search(task: Task, run: Path) -> None:
    kind = STRATEGIES.get(task.step.source).kind
    if any((run / name).is_file() for name in (kind.trace, kind.begun) if name):
        resume_search(Request(run=run, given=task.where.options(task.step.data), search_only=True))
        return
    if run.exists():  # it was stopped before it had begun
        shutil.rmtree(run)
    search_by(task.step.source, request_of(task))


def _core_seconds(task: Task, result: Mapping[str, Any]) -> float:
    """The seconds of all cores that the search had; each training of a finalist counts with its own."""
    count = cores() if task.step.all_cores and get_device(task.where.device).type == "cpu" else 1
    seconds = count * (number(result, "search_seconds") or 0.0)
    return seconds + sum(float(finalist["seconds"]) for finalist in result.get("finalists", []))


def _further_voters(run: Path, best: Architecture, count: int) -> list[Architecture]:
    """The `count` best networks of a run that vote beside its best one; there may be fewer."""
    with RunStore.read(run) as store:
        members = choose_members(store.candidates(), count + 1)
        architectures = [store.architecture(row.digest) for row in members]
    known = best.cell.digest()
    return [architecture for architecture in architectures if architecture.cell.digest() != known][:count]
