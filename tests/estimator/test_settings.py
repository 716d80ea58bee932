"""The settings that an estimator makes for the examples that it is fitted to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neat_deep.config.experiment_file import Experiment
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.data import Augmentation
from neat_deep.estimator.examples import ImageReader, TextReader
from neat_deep.estimator.settings import FitOptions, make_experiment
from neat_deep.strategies.registry import proposing_strategies
from tests.support.random_cells import DIGITS_INI


def of_images(*shape: int) -> ImageReader:
    return ImageReader(shape, 0, 255)


@pytest.mark.parametrize(
    ("shape", "places"),
    [
        ((8, 8), (1, 2)),
        ((28, 28, 1), (0, 2)),
        ((64, 64, 3), (0, 1, 2)),
        ((224, 224, 3), (0, 1, 2, 3)),
        ((1000,), (0, 1, 2, 3)),
        ((4,), (1,)),
        ((2,), ()),
        ((1,), ()),
    ],
)
def test_reductions_suit_the_images(shape: tuple[int, ...], places: tuple[int, ...]) -> None:
    experiment = make_experiment(FitOptions(), of_images(*shape), 1000, 10, seed=4)
    assert isinstance(experiment, Experiment)
    assert experiment.network.reduce_after == places
    assert (experiment.run.seed, experiment.run.out, experiment.data.dataset) == (4, "runs/classifier", "memory")
    if len(shape) == 1:
        assert experiment.training.augmentation == Augmentation()


def test_few_examples_get_steps_enough_and_many_classes_examples_enough() -> None:
    few = make_experiment(FitOptions(), of_images(8, 8), 100, 2, seed=0)
    assert (few.training.batch_size, few.fitness.batch_size) == (10, 10)
    many = make_experiment(FitOptions(), of_images(8, 8), 60_000, 200, seed=0)
    assert (many.training.batch_size, many.fitness.batch_size, many.fitness.train_subset) == (64, 32, 2000)


@pytest.mark.parametrize("strategy", proposing_strategies())
@pytest.mark.parametrize("reader", [of_images(8, 8), TextReader()])
def test_every_strategy_searches_the_shipped_space(strategy: str, reader: ImageReader | TextReader) -> None:
    experiment = make_experiment(FitOptions(strategy, population=7), reader, 1000, 2, seed=0)
    assert isinstance(experiment, StrategyExperiment)
    assert (experiment.search.strategy, experiment.search.generation_size) == (strategy, 7)


def test_parameters_go_before_the_file() -> None:
    options = FitOptions(minutes=20, evaluations=50, epochs=3, population=6, device="cpu", workers=0, out=Path("here"))
    experiment = make_experiment(options, of_images(8, 8), 1000, 10, seed=0)
    assert isinstance(experiment, Experiment)
    run = experiment.run
    assert (run.minutes, run.evaluations, run.generations, run.device, run.workers) == (20, 50, 0, "cpu", "0")
    assert (run.threads, run.out, experiment.neat.pop_size) == (1, "here", 6)
    assert (experiment.training.epochs, experiment.fitness.epochs) == (3, 3)


def test_a_file_of_ones_own_is_taken_as_it_is(tmp_path: Path) -> None:
    own = tmp_path / "own.ini"
    text = re.sub(r"(?m)^cells = .*$", "cells = 2", DIGITS_INI.read_text())
    own.write_text(re.sub(r"(?m)^generations = .*$", "generations = 7", text))
    experiment = make_experiment(FitOptions(config=own), of_images(8, 8), 30, 2, seed=0)
    assert (experiment.network.cells, experiment.training.batch_size, experiment.run.generations) == (2, 64, 7)
