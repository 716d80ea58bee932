"""A captured population goes on exactly as the one that it was captured from."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import neat
import numpy as np
import pytest
import torch
from neat.reporting import BaseReporter

from neat_deep.base.errors import StoreError
from neat_deep.evolution.population_state import (
    POPULATION,
    SPECIES,
    SPECIES_SET,
    TRACKER,
    PopulationState,
    ReadableCount,
    capture,
    decode_genome,
    encode_genome,
    from_json,
    restore,
    to_json,
)
from tests.support.random_cells import DIGITS_INI, evolved_genomes, genome_config, neat_config

GENERATIONS = 14


class Keeper(BaseReporter):
    """Captures every generation's beginning."""

    def __init__(self, population: neat.Population) -> None:
        self.population = population
        self.states = [self.capture(population.generation)]

    def capture(self, generation: int) -> str:
        state = capture(self.population, generation)
        return to_json(from_json(to_json(state), state.random.torch)) + state.random.torch.hex()

    def end_generation(self, config: Any, population: Any, species_set: Any) -> None:
        self.states.append(self.capture(self.population.generation + 1))


def load(text: str) -> PopulationState:
    end = text.rindex("}") + 1
    return from_json(text[:end], bytes.fromhex(text[end:]))


def score(genomes: list[tuple[int, Any]], config: Any) -> None:
    """A fitness from the genome alone, uneven enough to breed several species; it draws from the global generators."""
    for key, genome in genomes:
        genome.fitness = ((key * 7919 + len(genome.nodes) * 31) % 101) / 101


def stagnating(config: neat.Config) -> None:
    config.stagnation_config.max_stagnation = 2
    config.stagnation_config.species_elitism = 0


def many_species(config: neat.Config) -> None:
    config.species_set_config.compatibility_threshold = 1.0


def run(change: Callable[[neat.Config], None]) -> list[str]:
    config = neat_config()
    change(config)
    population = neat.Population(config, seed=5)
    keeper = Keeper(population)
    population.add_reporter(keeper)
    population.run(score, GENERATIONS)
    return keeper.states


@pytest.mark.parametrize("change", [lambda config: None, stagnating, many_species], ids=["plain", "extinct", "species"])
def test_a_restored_population_goes_on_as_the_first(change: Callable[[neat.Config], None]) -> None:
    states = run(change)
    for generation in (0, 1, 6, GENERATIONS - 1):
        random.seed(99)
        np.random.seed(99)
        torch.manual_seed(99)
        config = neat_config()
        change(config)
        config.seed = 4  # neat-python then seeds again whenever a population is made
        population = restore(config, load(states[generation]))
        keeper = Keeper(population)
        population.add_reporter(keeper)
        best = population.run(score, GENERATIONS - generation)
        assert keeper.states == states[generation:]
        assert encode_genome(best) == load(states[-1]).best_genome


def test_capturing_changes_nothing() -> None:
    config = neat_config()
    population = neat.Population(config, seed=5)
    population.run(score, GENERATIONS)
    assert to_json(capture(population, GENERATIONS)) == to_json(load(run(lambda config: None)[-1]))


def test_an_elite_that_is_the_best_stays_one_object() -> None:
    states = run(lambda config: None)
    for text in states[1:]:
        population = restore(neat_config(), load(text))
        if population.best_genome.key in population.population:
            assert population.best_genome is population.population[population.best_genome.key]


def test_genes_keep_their_order_and_every_bit() -> None:
    config = genome_config()
    for genome in evolved_genomes(config, seed=3, steps=60):
        again = decode_genome(encode_genome(genome))
        assert encode_genome(again) == encode_genome(genome)
        assert list(again.nodes) == list(genome.nodes)
        assert list(again.connections) == list(genome.connections)
        assert again.distance(genome, config) == 0


def test_a_child_knows_its_parents_fitter_first() -> None:
    config = genome_config()
    first, second = evolved_genomes(config, seed=3, steps=0, count=2)
    first.fitness, second.fitness = 0.1, 0.9
    child = type(first)(7)
    child.configure_crossover(first, second, config)
    assert child.parents == (second.key, first.key)
    alone = type(first)(8)
    alone.configure_crossover(second, second, config)
    assert alone.parents == (second.key,)


def test_readable_counters_count() -> None:
    ours, theirs = ReadableCount(3), count(3)
    assert [next(ours) for _ in range(4)] == [next(theirs) for _ in range(4)]
    assert ours.following == 7


def test_what_neat_python_is_asked_for_is_there(tmp_path: Path) -> None:
    """The public names that `capture` and `restore` rely on, and what they are made of."""
    config = neat.Config(
        neat_config().genome_type,
        neat_config().reproduction_type,
        neat.DefaultSpeciesSet,
        neat.DefaultStagnation,
        str(DIGITS_INI),
    )
    population = neat.Population(config, seed=1)
    assert isinstance(population.reproduction.genome_indexer, count)
    assert isinstance(population.species.indexer, count)
    assert config.genome_config.node_indexer is None or isinstance(config.genome_config.node_indexer, count)
    assert config.genome_config.innovation_tracker is population.reproduction.innovation_tracker
    assert type(population.reproduction.innovation_tracker.global_counter) is int
    assert population.best_genome is None
    assert set(vars(population)) >= POPULATION
    assert set(vars(population.species)) >= SPECIES_SET
    assert set(vars(population.reproduction.innovation_tracker)) >= TRACKER
    assert set(vars(population.reproduction)) == {
        "reproduction_config", "reporters", "genome_indexer", "stagnation", "ancestors", "innovation_tracker",
    }  # fmt: skip
    assert set(vars(next(iter(population.species.species.values())))) >= SPECIES


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"generation": 1}'])
def test_other_texts_are_no_populations(text: str) -> None:
    with pytest.raises(StoreError, match="the population is not readable"):
        from_json(text, b"")
