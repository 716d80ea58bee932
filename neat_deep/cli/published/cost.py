"""What the steps of a plan will cost on this machine, from a short measurement of each kind of data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from neat_deep.base.devices import computing_with, get_device
from neat_deep.base.errors import in_section
from neat_deep.base.registry import resolve
from neat_deep.cli.published.folder import ExperimentFolder
from neat_deep.cli.published.plan import NEAT, RANDOM, Step
from neat_deep.cli.published.searching import request_of
from neat_deep.cli.published.task import Task, Where
from neat_deep.cli.published.training import load_by_hand, read_inputs
from neat_deep.cli.running import naming
from neat_deep.networks.suitability import check_skeleton
from neat_deep.space.architecture import Architecture
from neat_deep.strategies.registry import STRATEGIES
from neat_deep.training.retraining import retraining_data
from neat_deep.training.suitability import check_training_settings
from neat_deep.training.timing import seconds_per_example

Seconds = Mapping[str, float]  # of one core, by the name of a step


@dataclass(frozen=True)
class _Pace:
    """Seconds of one core that a training on a data set takes, and a score on its test set."""

    training: float
    test: float


def measure_costs(
    steps: Sequence[Step],
    blocks: Mapping[str, str],
    folder: ExperimentFolder,
    where: Where,
    tell: Callable[[str], None] = lambda _: None,
) -> Seconds:
    """The seconds of one core that each step will take, if its network is as fast as the block made by hand.

    `blocks` are the names of those blocks, by data set; `tell` is called with what is measured next. Each data set of
    the steps is read, so this raises `ConfigError` or `DataError` for missing or unfit data before anything begins.
    """
    trainings: dict[str, _Pace] = {}
    searches: dict[tuple[str, str], float] = {}
    seconds = {}
    for step in steps:
        if step.kind == "search":
            kind = step.data, NEAT if step.source == RANDOM else step.source  # random search costs what NEAT costs
            if kind not in searches:
                tell(f"a search by {kind[1]} on {step.data}")
                searches[kind] = _search_seconds(*kind, folder, where)
            seconds[step.name] = searches[kind]
            continue
        if step.data not in trainings:
            tell(f"a training on {step.data}")
            trainings[step.data] = _measure(step.data, blocks[step.data], folder, where)
        pace = trainings[step.data]
        seconds[step.name] = len(step.needs) * pace.test if step.kind == "vote" else pace.training + pace.test
    return seconds


def minutes_on(cores: int, steps: Sequence[Step], seconds: Seconds) -> float:
    """Minutes that steps take on so many cores, where those that do not use all of them run side by side."""
    wide = sum(seconds[step.name] for step in steps if step.all_cores)
    narrow = [seconds[step.name] for step in steps if not step.all_cores]
    return (wide / cores + max(sum(narrow) / cores, max(narrow, default=0.0))) / 60


def _search_seconds(data: str, source: str, folder: ExperimentFolder, where: Where) -> float:
    cost = STRATEGIES.get(source).kind.cost
    if not cost:
        return 0.0
    request = request_of(Task(folder, Step("search", data, source, seed=0), where))
    seconds: float = resolve(cost)(request)
    return seconds


def _measure(data: str, block: str, folder: ExperimentFolder, where: Where) -> _Pace:
    config, device = folder.config(data), get_device(where.device)
    inputs = read_inputs(config, where.options(data))
    with naming(config):
        check_skeleton(inputs.skeleton, inputs.dataset.spec)
        with in_section("Training"):
            check_training_settings(inputs.training, inputs.dataset.spec)
    whole = retraining_data(inputs.dataset, inputs.training)
    architecture = Architecture(load_by_hand(block), inputs.skeleton)
    with computing_with(1):
        example = seconds_per_example(architecture, whole.spec, whole.train, inputs.training, device)
    return _Pace(
        training=example.training * len(whole.train) * inputs.training.epochs,
        test=example.scoring * len(whole.read_test()),
    )
