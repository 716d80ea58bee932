"""Genomes that say what their cell is stacked in: every evolved one expresses an architecture, and comes back."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import neat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neat_deep.base.errors import ConfigError, DisconnectedError, GraphError
from neat_deep.config.experiment_file import load_experiment, read_settings_text, settings_text
from neat_deep.evolution.expression import express, express_architecture, seed_architecture
from neat_deep.evolution.genome import CellGenome, CellGenomeConfig
from neat_deep.evolution.population_state import decode_genome, encode_genome
from neat_deep.evolution.seeding import seed_population
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.skeleton_options import SkeletonOptions
from neat_deep.space.skeleton_space import SkeletonSpace
from tests.support.network_spaces import BASE, skeleton_options
from tests.support.random_cells import DIGITS_INI, evolved_genomes, genome_config, graphs

OPTIONS = {"channels_options": "4 8 12", "reductions_options": "0 1 2", "stage_cells_options": "0 1 2"}


def config_of(options: SkeletonOptions, **changes: object) -> CellGenomeConfig:
    """A configuration of genomes with these options."""
    texts = {key: " ".join(map(str, getattr(options, key))) for key in OPTIONS}
    return genome_config(**texts, **changes)


@given(skeleton_options(), st.integers(0, 10**6), st.integers(0, 20))
@settings(max_examples=15, deadline=None)
def test_every_evolved_genome_expresses_an_architecture_of_the_options(
    options: SkeletonOptions, seed: int, steps: int
) -> None:
    config = config_of(options, max_nodes=0)
    space = SkeletonSpace(options, BASE)
    for genome in evolved_genomes(config, seed, steps):
        again = decode_genome(json.loads(json.dumps(encode_genome(genome))))
        try:
            architecture = express_architecture(genome, config, BASE)
        except DisconnectedError:
            continue
        assert space.decide(space.values(architecture.skeleton)) == architecture.skeleton
        assert express_architecture(again, config, BASE) == architecture
        assert again.distance(genome, config) == 0.0
        assert Architecture.from_json(architecture.to_json()) == architecture


@given(graphs(outputs=("last",)), skeleton_options(), st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_a_genome_expresses_what_it_was_seeded_with(graph, options: SkeletonOptions, seed: int) -> None:
    config = config_of(options, num_inputs=graph.num_inputs, max_nodes=0, **ALL_NAMES)
    skeleton = SkeletonSpace(options, BASE).sample(random.Random(seed))
    architecture = Architecture(graph, skeleton)
    assert express_architecture(seed_architecture(architecture, config, 1), config, BASE) == architecture


ALL_NAMES = {
    "op_options": "none identity sep_conv_1 sep_conv_3 max_pool_3 avg_pool_3",
    "activation_options": "identity relu",
    "aggregation_options": "add mul",
}


def test_decisions_mutate_at_the_rates_of_their_kinds() -> None:
    rates = {"channels_mutate_rate": 1.0, "reductions_mutate_rate": 0.0, "stage_cells_mutate_rate": 0.0}
    config = genome_config(**OPTIONS, **rates)
    random.seed(0)
    genome = CellGenome(1)
    genome.configure_new(config)
    assert genome.skeleton is not None
    first, seen = genome.skeleton.values, set()
    for _ in range(30):
        genome.mutate(config)
        assert genome.skeleton.values[1:] == first[1:]
        seen.add(genome.skeleton.values[0])
    assert seen == {0, 1, 2}


def test_a_child_has_each_decision_of_one_of_its_parents_and_skeletons_count_in_distances() -> None:
    config = genome_config(**OPTIONS)
    random.seed(1)
    one, other = CellGenome(1), CellGenome(2)
    for genome, value in ((one, 0), (other, 1)):
        genome.configure_new(config)
        genome.fitness = 1.0
        assert genome.skeleton is not None
        genome.skeleton.values = (value,) * len(genome.skeleton.values)
    mixed = set()
    for key in range(3, 20):
        child = CellGenome(key)
        child.configure_crossover(one, other, config)
        assert child.skeleton is not None
        mixed.add(child.skeleton.values)
    assert len(mixed) > 5
    twin = decode_genome(encode_genome(one))
    assert twin.skeleton is not None and other.skeleton is not None
    twin.skeleton.values = other.skeleton.values
    expected = len(twin.skeleton.values) * config.compatibility_weight_coefficient
    assert one.distance(twin, config) == pytest.approx(expected)


def test_without_options_a_genome_stores_and_expresses_what_it_did() -> None:
    config = genome_config()
    random.seed(3)
    genome = CellGenome(1)
    genome.configure_new(config)
    genome.mutate(config)
    assert genome.skeleton is None and "skeleton" not in encode_genome(genome)
    assert express_architecture(genome, config, BASE) == Architecture(express(genome, config), BASE)
    assert not config.skeletons.are_given


def test_the_settings_that_a_run_keeps_hold_the_options(tmp_path: Path) -> None:
    file = tmp_path / "network.ini"
    lines = "".join(f"{key} = {value}\n" for key, value in {**OPTIONS, "channels_mutate_rate": 0.3}.items())
    text = DIGITS_INI.read_text()
    file.write_text(text.replace("[CellGenome]\n", f"[CellGenome]\n{lines}"))
    again = read_settings_text(settings_text(load_experiment(file))).neat.genome_config
    assert again.skeletons == SkeletonOptions(
        channels_options=(4, 8, 12), reductions_options=(0, 1, 2), stage_cells_options=(0, 1, 2)
    )
    assert again.channels_mutate_rate == 0.3


def test_a_first_generation_starts_from_an_architecture_and_refuses_one_that_it_cannot_say() -> None:
    experiment = load_experiment(DIGITS_INI)
    experiment.neat.genome_config = genome_config(**OPTIONS)
    experiment.neat.pop_size = 6
    population = neat.Population(experiment.neat, seed=1)
    cell = express(evolved_genomes(genome_config(), 1, 3)[0], genome_config())
    skeleton = Skeleton(channels=8, cells=2, reduce_after=(1,))
    seed_population(population, Architecture(cell, skeleton))
    first = population.population[min(population.population)]
    assert express_architecture(first, experiment.neat.genome_config, BASE).skeleton == replace(
        BASE, channels=8, cells=2, reduce_after=(1,)
    )
    with pytest.raises(GraphError, match="the skeleton is none that genomes .*: channels: got 5, allowed: 4, 8, 12"):
        seed_population(population, Architecture(cell, replace(skeleton, channels=5)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels_options": "8 x"}, r"\[CellGenome\] channels_options: got '8 x', allowed: whole numbers"),
        ({"channels_options": "8 -8"}, r"\[CellGenome\] channels_options: got -8, allowed: 1 to 4096"),
        ({"reductions_options": "1"}, r"\[CellGenome\] stage_cells_options: got nothing, allowed with reductions_o"),
        ({"channels_mutate_rate": "1.5"}, r"\[CellGenome\] channels_mutate_rate: got 1.5, allowed: 0 to 1"),
        ({"channel_options": "8"}, r"\[CellGenome\] unknown key 'channel_options'; did you mean 'channels_options'\?"),
    ],
)
def test_bad_options_are_refused_in_one_line(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        genome_config(**changes)
    assert "\n" not in str(refusal.value)
