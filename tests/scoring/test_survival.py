"""The best network known lives on, whatever rungs, brackets and inheritance do: simulated with scores by formula."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import neat
import pytest
import torch
from neat.reporting import BaseReporter

from neat_deep.base.randomness import derive_seed
from neat_deep.evolution.fitness import FitnessEvaluator
from neat_deep.scoring.inheritance import pack
from neat_deep.scoring.job import Job, JobResult
from neat_deep.scoring.scores import SCORED, Score
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Skeleton
from neat_deep.training.settings import TrainingSettings
from tests.support import toy_data
from tests.support.random_cells import neat_config

GENERATIONS = 25
PLAIN = FitnessSettings(epochs=8)
WAYS = {
    "plain": PLAIN,
    "rungs": replace(PLAIN, rungs=(2, 4)),
    "hyperband": replace(PLAIN, rungs=(2, 4), hyperband=True),
    "inheritance": replace(PLAIN, inherit=True),
    "rungs and inheritance": replace(PLAIN, rungs=(2, 4), inherit=True),
    "hyperband and inheritance": replace(PLAIN, rungs=(2, 4), hyperband=True, inherit=True),
}


class Formula:
    """An executor that draws a network's final accuracy from its key, and what short trainings show of it."""

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, JobResult]]:
        for job in jobs:
            final = random.Random(derive_seed(0, job.key)).random()
            shown = random.Random(derive_seed(0, job.key, str(job.rung))).random()
            trust = {0: 0.3, 1: 0.6}.get(job.rung, 1.0) if job.stages[-1].epochs < PLAIN.epochs else 1.0
            accuracy = trust * final + (1 - trust) * shown
            metrics = {"accuracy": accuracy, "parameters": 1000, "macs": 1000}
            yield job, JobResult(SCORED, metrics, weights=pack({"stem": torch.zeros(1)}) if job.keep_bytes else None)

    def close(self) -> None:
        pass


class Watch(BaseReporter):
    """Counts the generations without the best network of those before; an equal one in another genome is the same."""

    def __init__(self, evaluator: FitnessEvaluator) -> None:
        self.evaluator = evaluator
        self.best_before: Score | None = None
        self.cases = self.lost = 0

    def post_evaluate(self, config: Any, population: Any, species: Any, best_genome: Any) -> None:
        if self.best_before is not None:
            self.cases += 1
            self.lost += self.best_before.key not in {score.key for score in self.evaluator.generation}
        self.best_before = self.evaluator.best


def survive(settings: FitnessSettings, seed: int) -> Watch:
    config = neat_config()
    evaluator = FitnessEvaluator(
        toy_data.dataset(),
        Skeleton(channels=4, cells=1),
        TrainingSettings(),
        settings,
        device=torch.device("cpu"),
        seed=seed,
    )
    evaluator.scorer.use(Formula())
    population = neat.Population(config, seed=seed)
    watch = Watch(evaluator)
    population.add_reporter(watch)
    random.seed(seed)
    population.run(evaluator, GENERATIONS + 1)
    return watch


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seeds", [range(2), pytest.param(range(12), marks=pytest.mark.slow)], ids=["two", "twelve"])
def test_the_best_network_known_is_in_the_next_generation(way: str, seeds: range) -> None:
    watches = [survive(WAYS[way], seed) for seed in seeds]
    assert sum(watch.cases for watch in watches) == len(seeds) * GENERATIONS
    assert sum(watch.lost for watch in watches) == 0
