"""Reproduction: a search never dies of its species."""

from __future__ import annotations

import random
import statistics

import neat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neat_deep.evolution.reproduction import CellReproduction
from tests.support.random_cells import neat_config


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.5, 3.0, 100.0])
@pytest.mark.parametrize("pop_size", [12, 20, 50])
def test_a_hundred_generations_at_any_threshold(pop_size: int, threshold: float) -> None:
    config = neat_config()
    config.pop_size = pop_size
    config.species_set_config.compatibility_threshold = threshold
    sizes = []

    def fitness(genomes, config) -> None:
        sizes.append(len(genomes))
        for _, genome in genomes:
            genome.fitness = 1 / (1 + abs(len(genome.connections) - 7)) + 0.01 * random.random()

    best = neat.Population(config, seed=pop_size).run(fitness, 100)
    assert len(sizes) == 100
    assert set(sizes) == {pop_size}
    assert best.fitness > 0.5


@given(
    species=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 30)), min_size=1, max_size=12),
    smallest=st.integers(1, 3),
    spare=st.integers(0, 40),
)
@settings(max_examples=300, deadline=None)
def test_offspring_add_up(species: list[tuple[float, int]], smallest: int, spare: int) -> None:
    pop_size = len(species) * smallest + spare
    amounts = CellReproduction.compute_spawn([f for f, _ in species], [s for _, s in species], pop_size, smallest)
    assert sum(amounts) == pop_size
    assert min(amounts) >= smallest


def test_the_fittest_species_survive_when_there_is_no_room() -> None:
    config = neat_config()
    config.pop_size = 12
    config.species_set_config.compatibility_threshold = 0.0  # every genome a species of its own; room for six
    kept: list[float] = []
    before: list[float] = []

    def fitness(genomes, config) -> None:
        if before and not kept:
            kept.extend(genome.fitness for _, genome in genomes if genome.fitness is not None)
        for key, genome in genomes:
            genome.fitness = key / 100
        if not before:
            before.extend(genome.fitness for _, genome in genomes)

    neat.Population(config, seed=0).run(fitness, 2)
    assert sorted(kept) == sorted(before)[-6:]
    assert min(kept) > statistics.median(before)
