"""A search that starts from a known cell."""

from __future__ import annotations

import random
import runpy
from pathlib import Path

import neat
import pytest
import torch

from darts.alphas import Alphas
from darts.derivation import derive
from darts.settings import load_darts_experiment
from neat_deep.base.errors import GraphError
from neat_deep.config.experiment_file import load_experiment
from neat_deep.evolution.expression import express, seed_genome
from neat_deep.evolution.seeding import seed_population
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from tests.support.random_cells import DIGITS_INI

ROOT = Path(__file__).resolve().parents[2]
CELL = CellGraph(
    1, (CellNode((Edge(0, "sep_conv_3", "relu"),)), CellNode((Edge(1, "max_pool_3"), Edge(0, "identity"))))
)


def population(size: int = 12) -> neat.Population:
    config = load_experiment(DIGITS_INI).neat
    config.pop_size = size
    return neat.Population(config, seed=3)


def test_the_first_genome_is_the_cell_and_the_others_are_its_mutants() -> None:
    random.seed(0)
    seeded = population()
    keys = set(seeded.population)
    seed_population(seeded, Architecture(CELL))
    assert set(seeded.population) == keys
    genomes = [seeded.population[key] for key in sorted(keys)]
    assert express(genomes[0], seeded.config.genome_config) == CELL
    digests = {express(genome, seeded.config.genome_config).digest() for genome in genomes[:4]}
    assert len(digests) > 1
    shared = set(genomes[0].nodes) & set(genomes[5].nodes)
    assert shared  # they can be crossed
    members = [key for species in seeded.species.species.values() for key in species.members]
    assert sorted(members) == sorted(keys)


def test_the_search_goes_on_from_it() -> None:
    seeded = population()
    seed_population(seeded, Architecture(CELL))
    seen = []

    def score(genomes: list[tuple[int, neat.DefaultGenome]], config: neat.Config) -> None:
        for _, genome in genomes:
            genome.fitness = random.random()
            seen.append(genome.key)

    seeded.run(score, 3)
    assert len(seen) >= 36


def test_a_cell_that_no_genome_can_hold_is_refused() -> None:
    two_inputs = CellGraph(2, (CellNode((Edge(1, "identity"),)),))
    with pytest.raises(GraphError, match="2 inputs"):
        seed_population(population(), Architecture(two_inputs))


def test_the_script_names_the_file_of_a_cell_that_it_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "two.json"
    Architecture(CellGraph(2, (CellNode((Edge(1, "identity"),)),)), Skeleton()).save(file)
    script = str(ROOT / "examples" / "mnist_neat.py")
    monkeypatch.setattr(
        "sys.argv", [script, "--config", str(DIGITS_INI), "--start", str(file), "--out", str(tmp_path / "o")]
    )
    with pytest.raises(SystemExit) as exit_:
        runpy.run_path(script, run_name="__main__")
    assert exit_.value.code == 2
    assert f"error: --start: {file}: the graph has 2 inputs" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_evolution_on_mnist_can_start_from_what_darts_derives_there() -> None:
    space = load_darts_experiment(ROOT / "configs" / "mnist_darts.ini").darts.space()
    derived = derive(Alphas(space, torch.Generator().manual_seed(0)))
    genome_config = load_experiment(ROOT / "configs" / "mnist_neat.ini").neat.genome_config
    assert express(seed_genome(derived, genome_config, 1), genome_config) == derived
