"""A training and a vote as steps of the experiment: each network reads the test set once, when it is trained."""

from __future__ import annotations

import dataclasses
import functools
import time
from dataclasses import dataclass
from pathlib import Path

from neat_deep.base.devices import get_device
from neat_deep.base.errors import DivergedError, SearchError
from neat_deep.base.shipped import architecture_file
from neat_deep.cli.options import Given
from neat_deep.cli.overrides import read_settings
from neat_deep.cli.published.folder import Result
from neat_deep.cli.published.plan import HAND
from neat_deep.cli.published.task import Task
from neat_deep.config.experiment_file import Experiment, load_experiment
from neat_deep.data import Dataset, load_dataset
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph
from neat_deep.training.ensemble import Ensemble
from neat_deep.training.fit import evaluate
from neat_deep.training.retraining import retrain, retraining_data
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.trained_file import load_network

KEPT_DATASETS = 2  # that a process holds: plans go from one data set to the next


@dataclass(frozen=True)
class Inputs:
    """A data set, and how networks stand and are trained on it."""

    dataset: Dataset
    skeleton: Skeleton
    training: TrainingSettings


def train(task: Task) -> Result:
    """Train a cell from scratch and score the test set once; the network stays in the experiment's folder.

    A training that diverges, and a search that found too few networks, are results too: they say so.
    """
    step = task.step
    if step.source == HAND:
        cell = load_by_hand(step.by_hand)
    else:
        architectures = task.inputs[step.needs[0]]["architectures"]
        if step.place > len(architectures):
            return {"missing": f"the search trained {len(architectures)} different networks in full"}
        cell = Architecture.from_json(architectures[step.place - 1]).cell
    inputs = _inputs_of(task)
    started = time.perf_counter()
    try:
        trained = retrain(
            Architecture(cell, inputs.skeleton),
            inputs.dataset,
            inputs.training,
            device=get_device(task.where.device),
            seed=step.seed,
        )
    except DivergedError as error:
        return {"failed": str(error), "seconds": time.perf_counter() - started}
    trained.save(task.folder.network(step))
    return {
        "test_accuracy": trained.test.accuracy,
        "test_balanced_accuracy": trained.test.balanced_accuracy,
        "test_macro_f1": trained.test.macro_f1,
        "parameters": trained.parameters,
        "macs": trained.macs,
        "nodes": len(cell.canonical().nodes),
        "digest": cell.digest(),
        "seconds": trained.seconds,
        "file": task.folder.network(step).name,
    }


def vote(task: Task) -> Result:
    """Let the networks that were trained for it vote on the test set; raises `SearchError` when none was."""
    step = task.step
    members = [task.inputs[name] for name in step.needs]
    members = [member for member in members if "test_accuracy" in member]
    if not members:
        raise SearchError(f"{step.name}: every training of a network that votes diverged")
    inputs = _inputs_of(task)
    started = time.perf_counter()
    networks = [load_network(task.folder.path / "networks" / member["file"]) for member in members]
    test = retraining_data(inputs.dataset, inputs.training).read_test()
    voted = evaluate(Ensemble(networks), test, device=get_device(task.where.device))
    return {
        "test_accuracy": voted.accuracy,
        "test_balanced_accuracy": voted.balanced_accuracy,
        "test_macro_f1": voted.macro_f1,
        "member_accuracies": [member["test_accuracy"] for member in members],
        "parameters": sum(member["parameters"] for member in members),
        "macs": sum(member["macs"] for member in members),
        "seconds": time.perf_counter() - started,
    }


def load_by_hand(name: str) -> CellGraph:
    """The cell of a shipped architecture."""
    with architecture_file(Path(name)) as path:
        return Architecture.load(path).cell


def read_inputs(config: Path, given: Given) -> Inputs:
    """The data set and the settings of an INI file of the experiment; raises `ConfigError` and `DataError`."""
    experiment: Experiment = read_settings(config, given, load_experiment)
    dataset = load_dataset(experiment.data)
    return Inputs(dataset, dataclasses.replace(experiment.network, rank=dataset.spec.rank), experiment.training)


def _inputs_of(task: Task) -> Inputs:
    given = task.where.options(task.step.data)
    return _kept_inputs(task.folder.config(task.step.data), tuple(sorted(given.items())))


@functools.lru_cache(maxsize=KEPT_DATASETS)
def _kept_inputs(config: Path, given: tuple[tuple[str, str], ...]) -> Inputs:
    return read_inputs(config, dict(given))
