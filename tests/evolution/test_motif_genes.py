"""Genomes with motifs: every evolved one expresses a cell that can be built, and comes back."""

from __future__ import annotations

import json
import random
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neat_deep.base.errors import ConfigError, DisconnectedError, GraphError
from neat_deep.config.experiment_file import load_experiment, read_settings_text, settings_text
from neat_deep.evolution.expression import express, seed_genome
from neat_deep.evolution.genome import CellGenome
from neat_deep.evolution.population_state import decode_genome, encode_genome
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge, Motif
from neat_deep.space.hierarchical_space import HierarchicalSpace
from neat_deep.space.motif_options import MotifOptions
from tests.support.motif_cells import hierarchical_spaces
from tests.support.random_cells import DIGITS_INI, evolved_genomes, genome_config

KEYS = {"motifs": 2, "motif_nodes": 2, "motif_levels": 2, "max_nodes": 4}


@given(st.integers(0, 10**6), st.integers(0, 20))
@settings(max_examples=8, deadline=None)
def test_every_evolved_genome_expresses_a_cell_with_the_motifs_that_it_uses(seed: int, steps: int) -> None:
    config = genome_config(**KEYS, motif_mutate_rate=0.5)
    for genome in evolved_genomes(config, seed, steps):
        again = decode_genome(json.loads(json.dumps(encode_genome(genome))))
        assert again.distance(genome, config) == 0.0
        try:
            cell = express(genome, config)
        except DisconnectedError:
            continue
        assert express(again, config) == cell
        assert Architecture.from_json(Architecture(cell).to_json()).cell == cell
        assert {edge.op for node in cell.flat().nodes for edge in node.edges} <= set(config.plain_op_options)
        assert cell.prune().digest() == cell.digest()


@given(hierarchical_spaces(), st.integers(0, 10**6))
@settings(max_examples=12, deadline=None)
def test_a_genome_expresses_what_it_was_seeded_with(space: HierarchicalSpace, seed: int) -> None:
    cell = space.sample(Random(seed)).prune()
    config = genome_config(
        num_inputs=space.cells.num_inputs,
        max_nodes=space.cells.nodes,
        op_options=" ".join(space.cells.ops),
        activation_options=" ".join(space.cells.activations),
        aggregation_options=" ".join(space.cells.aggregations),
        aggregation_default="random",
        activation_default="random",
        motifs=space.options.motifs,
        motif_nodes=space.options.motif_nodes,
        motif_levels=space.options.motif_levels,
    )
    genome = seed_genome(cell, config, 1)
    assert express(genome, config) == cell
    assert genome.motifs is not None and tuple(genome.motifs.graphs) == space.options.names


def test_motifs_mutate_at_their_rate_cross_as_wholes_and_count_in_distances() -> None:
    config = genome_config(**KEYS, motif_mutate_rate=1.0)
    still = genome_config(**KEYS, motif_mutate_rate=0.0)
    random.seed(2)
    one, other = CellGenome(1), CellGenome(2)
    for genome in (one, other):
        genome.configure_new(config)
        genome.fitness = 1.0
    assert one.motifs is not None and other.motifs is not None
    before = dict(other.motifs.graphs)
    other.mutate(still)
    assert other.motifs.graphs == before
    other.mutate(config)
    assert all(other.motifs.graphs[name].digest() != graph.digest() for name, graph in before.items())
    different = sum(one.motifs.graphs[name] != graph for name, graph in other.motifs.graphs.items())
    expected = different * config.compatibility_weight_coefficient
    assert one.motifs.distance(other.motifs, config) == pytest.approx(expected) != 0
    kept = dict(other.motifs.graphs)
    for key in range(3, 9):
        child = CellGenome(key)
        child.configure_crossover(one, other, config)
        assert child.motifs is not None
        for name, graph in child.motifs.graphs.items():
            assert graph in (one.motifs.graphs[name], other.motifs.graphs[name])
        child.mutate(config)  # its own, not its parent's
    assert other.motifs.graphs == kept


def test_without_motifs_a_genome_stores_what_it_did() -> None:
    config = genome_config()
    genome = CellGenome(1)
    genome.configure_new(config)
    genome.mutate(config)
    assert genome.motifs is None and "motifs" not in encode_genome(genome)
    assert config.plain_op_options == config.op_options


def test_the_settings_that_a_run_keeps_hold_the_options_and_no_motif_as_an_op(tmp_path: Path) -> None:
    file = tmp_path / "hierarchical.ini"
    file.write_text(DIGITS_INI.read_text().replace("[CellGenome]\n", "[CellGenome]\nmotifs = 2\nmotif_nodes = 2\n"))
    experiment = load_experiment(file)
    text = settings_text(experiment)
    again = read_settings_text(text).neat.genome_config
    assert again.motifs == MotifOptions(motifs=2, motif_nodes=2)
    assert again.op_options == experiment.neat.genome_config.op_options
    assert again.op_options[-2:] == ["motif_1", "motif_2"] and "motif_1" not in text
    experiment.neat.save(tmp_path / "saved.ini")
    assert "motif_1" not in (tmp_path / "saved.ini").read_text()


IDENTITY = (CellNode((Edge(0, "identity"),), key=0),)
MANY = tuple(CellNode((Edge(index, "sep_conv_3"),), key=index) for index in range(3))


@pytest.mark.parametrize(
    ("op", "motif", "message"),
    [
        (
            "motif_9",
            Motif("motif_9", IDENTITY),
            "the graph has the motif 'motif_9', allowed: motif_1, motif_2",
        ),
        ("motif_1", Motif("motif_1", MANY), "motif 'motif_1' has 3 nodes, motif_nodes allows 2"),
        ("motif_1", Motif("motif_1", (CellNode((Edge(0, "my_op"),)),)), "op 'my_op' is not among op_options: "),
        ("motif_2", Motif("motif_1", IDENTITY), "op 'motif_2' is not among op_options: "),
    ],
)
def test_a_cell_whose_motifs_no_genome_can_have_is_refused(op: str, motif: Motif, message: str) -> None:
    cell = CellGraph(1, (CellNode((Edge(0, op),)),), motifs=(motif,))
    with pytest.raises(GraphError, match=message):
        seed_genome(cell, genome_config(**KEYS), 1)
    if op == motif.name:
        with pytest.raises(GraphError, match=rf"motif '{op}', allowed: none, as motifs = 0 says"):
            seed_genome(cell, genome_config(), 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"motifs": "x"}, r"\[CellGenome\] motifs: got 'x', allowed: a whole number"),
        ({"motifs": "40"}, r"\[CellGenome\] motifs: got 40, allowed: 0 to 16"),
        ({"motifs": "1", "max_nodes": "0"}, r"\[CellGenome\] max_nodes: got 0 \(no limit\), allowed with motifs: 1"),
        ({"motifs": "1", "motif_levels": "3", "motif_nodes": "9"}, r"\[CellGenome\] motif_nodes: 9 in each of 3 lev"),
        ({"motif_mutate_rate": "-1"}, r"\[CellGenome\] motif_mutate_rate: got -1.0, allowed: 0 to 1"),
    ],
)
def test_bad_options_are_refused_in_one_line(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        genome_config(**changes)
    assert "\n" not in str(refusal.value)
