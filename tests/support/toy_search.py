"""Searches on toy data that take a second."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from neat_deep.config.experiment_file import Experiment, load_experiment
from neat_deep.config.run_settings import RunSettings
from neat_deep.config.search_settings import SearchSettings, SpaceSettings
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.data import Dataset, DataSettings
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.search.evolve import evolve
from neat_deep.search.result import SearchResult
from neat_deep.search.strategy_search import search as run_strategy
from neat_deep.space.architecture import Skeleton
from neat_deep.training.settings import TrainingSettings
from tests.support import toy_data
from tests.support.random_cells import DIGITS_INI

PLAIN = FitnessSettings(epochs=1, batch_size=48, learning_rate=0.02)
ALL_ON = replace(PLAIN, epochs=3, rungs=(1, 2), rung_share=0.5, inherit=True)
PRICED = replace(ALL_ON, parameter_price=50.0)  # of networks of some hundred parameters
HYPERBAND = replace(PLAIN, epochs=3, rungs=(1, 2), hyperband=True)
DATA = toy_data.dataset()


def experiment(fitness: FitnessSettings, generations: int = 4, faulty: bool = False, **run: Any) -> Experiment:
    """The digits experiment, made tiny, from random genomes; when `faulty`, many of them raise or diverge."""
    loaded = load_experiment(DIGITS_INI)
    loaded.neat.genome_config.op_default = loaded.neat.genome_config.activation_default = "random"
    if faulty:
        loaded.neat.genome_config.op_options = ["identity", "sep_conv_1", "max_pool_3", "raises", "gives_nan"]
    loaded.neat.pop_size = 6
    return replace(
        loaded,
        network=Skeleton(channels=4, cells=1),
        training=TrainingSettings(epochs=1, batch_size=48),
        fitness=fitness,
        run=replace(loaded.run, **{"generations": generations, "device": "cpu", "workers": "0", **run}),
    )


def search(folder: Path, asked: Experiment, resume: bool = False, data: Dataset = DATA) -> SearchResult:
    return evolve(asked, data, folder, Console(file=io.StringIO(), width=200), resume=resume)


SPACE = SpaceSettings(
    ("identity", "sep_conv_1", "sep_conv_3", "max_pool_3", "none"), aggregation_options=("add", "mul"), nodes=4
)
FAULTY = ("identity", "sep_conv_1", "max_pool_3", "raises", "gives_nan")  # the last two of `tests.support.worker_tasks`


def strategy_experiment(
    fitness: FitnessSettings, generations: int = 4, *, space: SpaceSettings = SPACE, **run: Any
) -> StrategyExperiment:
    """Random search in generations of six."""
    return StrategyExperiment(
        data=DataSettings("digits"),
        network=Skeleton(channels=4, cells=1),
        training=TrainingSettings(epochs=1, batch_size=48),
        fitness=fitness,
        run=RunSettings(**{"generations": generations, "seed": 1, "device": "cpu", "workers": "0", **run}),
        search=SearchSettings("random", generation_size=6),
        space_settings=space,
    )


def search_by_strategy(
    folder: Path, asked: StrategyExperiment, resume: bool = False, data: Dataset = DATA, **options: Any
) -> SearchResult:
    return run_strategy(asked, data, folder, Console(file=io.StringIO(), width=200), resume=resume, **options)
