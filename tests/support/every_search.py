"""A small search by every strategy of the registry, the same each time, to be stopped and taken up in its folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from darts import DartsSettings, search
from neat_deep.config.search_settings import SearchSettings
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.space.architecture import Skeleton
from neat_deep.strategies.registry import proposing_strategies
from tests.support import toy_search
from tests.support.climbs import INHERITING, climb
from tests.support.stored_rows import rows
from tests.support.strategies import small_settings
from tests.support.toy_search import ALL_ON, DATA, PLAIN, SPACE, search_by_strategy, strategy_experiment

Run = Callable[[Path], None]  # begins the search in a folder, or goes on with it

FOUND = "found.json"  # what a search without a run store came to


def asked(name: str, generations: int, full: bool = False) -> StrategyExperiment:
    """A search in generations of four; with all of rungs and inheritance on when `full`."""
    if name == "morphism":
        return climb(replace(INHERITING, epochs=1), generations, size=4)
    settings = small_settings(name)
    space = replace(SPACE, nodes=1, activation_options=("identity",)) if name == "grid" else SPACE
    made = strategy_experiment(ALL_ON if full else PLAIN, generations, space=space)
    return replace(made, search=SearchSettings(name, generation_size=4), settings=settings)


def searching(name: str, generations: int = 3) -> Run:
    """How the search by a strategy runs, with rungs and inheritance where it may have them."""
    if name == "darts":
        return _descend
    if name in proposing_strategies():
        experiment: Any = asked(name, generations, full=True)
        start: Callable[..., Any] = search_by_strategy
    else:
        experiment, start = toy_search.experiment(ALL_ON, generations), toy_search.search

    def run(folder: Path) -> None:
        start(folder, experiment, resume=(folder / "run.sqlite").exists())

    return run


def _descend(folder: Path) -> None:
    """A search by gradient descent; it goes on from its checkpoint, if there is one."""
    settings = DartsSettings(
        op_options=("none", "identity", "sep_conv_3", "max_pool_3"), nodes=2, epochs=3, batch_size=16
    )
    skeleton = Skeleton(channels=4, cells=2, reduce_after=(1,), growth=1.0)
    device = torch.device("cpu")
    found = search(settings, skeleton, DATA, device=device, seed=5, checkpoint=folder / "search.pt")
    epochs = [{**asdict(epoch), "seconds": 0.0} for epoch in found.history]
    content = {"cell": found.architecture.to_json(), "accuracy": found.supernet.accuracy, "epochs": epochs}
    (folder / FOUND).write_text(json.dumps(content))


def outcome(folder: Path) -> Any:
    """All that a search left in its folder but for times, to be compared."""
    found = folder / FOUND
    return json.loads(found.read_text()) if found.exists() else rows(folder)
