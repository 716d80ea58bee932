"""Genomes: strict configuration, mutation, expression and back."""

from __future__ import annotations

import copy
import io
import math
import random
from collections.abc import Callable
from pathlib import Path

import neat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neat.innovation import InnovationTracker
from torch import nn

import neat_deep
from neat_deep.base.errors import ConfigError, DisconnectedError, GraphError
from neat_deep.base.fields import text_keys
from neat_deep.evolution.expression import express, seed_genome
from neat_deep.evolution.genome import OWN_KEYS, CellGenome, installed_genome_settings
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.space.motif_options import MotifOptions
from neat_deep.space.skeleton_options import SkeletonOptions
from tests.support.random_cells import OPS, evolved_genomes, genome_config, graphs, neat_config

ALL_OPS = " ".join(OPS)


def hand_made(
    connections: list[tuple[int, int, float, bool]], nodes: dict[int, tuple[str, str, str]], num_inputs: int = 1
) -> tuple[CellGenome, object]:
    """A genome from (source, target, strength, enabled) in innovation order, and key -> (op_1, op_2, aggregation)."""
    config = genome_config(num_inputs)
    genome = CellGenome(1)
    for key, (op_1, op_2, aggregation) in nodes.items():
        node = genome.create_node(config, key)
        node.op_1, node.op_2, node.aggregation = op_1, op_2, aggregation
        node.activation_1, node.activation_2 = "relu", "identity"
        genome.nodes[key] = node
    for number, (source, target, strength, enabled) in enumerate(connections):
        genome.add_connection(config, source, target, strength, enabled, innovation=number + 1)
    return genome, config


def test_strongest_connections_feed_the_slots() -> None:
    genome, config = hand_made(
        [
            (-1, 0, 0.1, True),
            (-2, 0, 5.0, False),
            (1, 0, 0.7, True),
            (2, 0, 0.4, True),
            (-1, 1, 1, True),
            (-2, 2, 1, True),
        ],
        {0: ("sep_conv_3", "max_pool_3", "add"), 1: ("identity", "none", "add"), 2: ("avg_pool_3", "none", "add")},
        num_inputs=2,
    )
    graph = express(genome, config)
    assert graph.nodes[-1] == CellNode((Edge(2, "sep_conv_3", "relu"), Edge(3, "max_pool_3")), "add")
    assert [n.key for n in graph.nodes] == [1, 2, 0]


def test_equal_strengths_rank_by_innovation() -> None:
    genome, config = hand_made(
        [(-2, 0, 1.0, True), (-1, 0, 1.0, True)], {0: ("sep_conv_3", "max_pool_3", "add")}, num_inputs=2
    )
    assert [e.source for e in express(genome, config).nodes[0].edges] == [1, 0]


def test_a_single_connection_feeds_both_slots() -> None:
    genome, config = hand_made([(-1, 0, 1.0, True)], {0: ("sep_conv_3", "max_pool_3", "mul")})
    assert express(genome, config).nodes == (CellNode((Edge(0, "sep_conv_3", "relu"), Edge(0, "max_pool_3")), "mul"),)


def test_none_and_dead_sources_switch_slots_off() -> None:
    genome, config = hand_made(
        [(-1, 0, 1.0, True), (1, 0, 2.0, True), (-1, 1, 1.0, True)],
        {0: ("sep_conv_3", "max_pool_3", "mul"), 1: ("none", "none", "add")},
    )
    assert express(genome, config).nodes == (CellNode((Edge(0, "max_pool_3"),), "mul"),)


@pytest.mark.parametrize(
    ("connections", "ops"),
    [
        ([], ("identity", "identity", "add")),
        ([(-1, 0, 1.0, False)], ("identity", "identity", "add")),
        ([(-1, 0, 1.0, True)], ("none", "none", "add")),
        ([(1, 0, 1.0, True)], ("identity", "identity", "add")),
    ],
)
def test_disconnected_genomes_say_so(connections, ops) -> None:
    genome, config = hand_made(connections, {0: ops, 1: ("identity", "identity", "add")})
    with pytest.raises(DisconnectedError, match="genome 1: nothing connects input to output"):
        express(genome, config)


def test_a_cycle_is_an_error() -> None:
    genome, config = hand_made(
        [(1, 2, 1.0, True), (2, 1, 1.0, True), (2, 0, 1.0, True)],
        {0: ("identity", "none", "add"), 1: ("identity", "none", "add"), 2: ("identity", "none", "add")},
    )
    with pytest.raises(GraphError, match="hold a cycle"):
        express(genome, config)


@given(seed=st.integers(0, 10**6), steps=st.integers(0, 40), num_inputs=st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_any_evolved_genome_expresses_or_says_that_nothing_connects(seed: int, steps: int, num_inputs: int) -> None:
    config = genome_config(num_inputs, max_nodes=0)
    for genome in evolved_genomes(config, seed, steps):
        try:
            graph = express(genome, config)
        except DisconnectedError:
            continue
        assert graph.num_inputs == num_inputs
        assert graph.nodes[-1].key == 0
        assert all(1 <= len(node.edges) <= 2 for node in graph.nodes)
        assert graph.prune().digest() == graph.digest()


@given(seed=st.integers(0, 10**6), steps=st.integers(0, 30), tie=st.booleans())
@settings(max_examples=80, deadline=None)
def test_an_added_node_changes_no_output(seed: int, steps: int, tie: bool) -> None:
    config = genome_config(2, max_nodes=0)
    for genome in evolved_genomes(config, seed, steps):
        if tie:
            for connection in genome.connections.values():
                connection.weight = float(round(connection.weight))
        try:
            before = express(genome, config)
        except DisconnectedError:
            continue
        nodes = len(genome.nodes)
        genome.mutate_add_node(config)
        after = express(genome, config)
        assert len(genome.nodes) == nodes + 1
        assert after.canonical() == before.canonical()


def nearly_tied(strength: float, steps: int) -> float:
    """The number so many units in the last place above `strength`, or below it."""
    for _ in range(abs(steps)):
        strength = math.nextafter(strength, math.copysign(math.inf, steps))
    return strength


@given(
    seed=st.integers(0, 10**6),
    steps=st.lists(st.integers(-2, 2), min_size=3, max_size=7),
    order=st.randoms(use_true_random=False),
    splits=st.integers(1, 4),
)
@settings(max_examples=300, deadline=None)
def test_splitting_among_nearly_equal_strengths_changes_no_output(seed, steps, order, splits: int) -> None:
    """Several units in the last place apart: the neighbours of a split connection keep their order, whatever it is."""
    keys = list(range(1, len(steps) + 1))
    innovations = [*keys]
    order.shuffle(innovations)
    nodes = {0: ("sep_conv_3", "max_pool_3", "add"), **dict.fromkeys(keys, ("identity", "none", "add"))}
    genome, config = hand_made([(-1, key, 1.0, True) for key in keys], nodes)
    for key in keys:  # ops that differ, lest nodes that change places make the same network
        genome.nodes[key].op_1 = OPS[key % len(OPS)]
    for key, step, innovation in zip(keys, steps, innovations, strict=True):
        genome.add_connection(config, key, 0, nearly_tied(0.1, step), True, innovation=len(keys) + innovation)
    config.innovation_tracker = InnovationTracker(start_number=2 * len(keys))
    random.seed(seed)
    before = express(genome, config)
    for _ in range(splits):
        genome.mutate_add_node(config)
        assert express(genome, config).digest() == before.digest()


def test_an_older_connection_does_not_overtake_one_that_made_way_for_a_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """Innovations 1 to 3: the split one and its equal, and an older one a unit in the last place below both."""
    below = math.nextafter(1.0, -math.inf)
    genome, config = hand_made(
        [(3, 0, below, True), (1, 0, 1.0, True), (2, 0, 1.0, True), *((-1, key, 1.0, True) for key in (1, 2, 3))],
        {
            0: ("identity", "identity", "add"),
            1: ("sep_conv_1", "none", "add"),
            2: ("sep_conv_3", "none", "add"),
            3: ("max_pool_3", "none", "add"),
        },
    )
    config.innovation_tracker = InnovationTracker(start_number=6)
    before = express(genome, config)
    monkeypatch.setattr("neat_deep.evolution.genome.choice", lambda enabled: genome.connections[1, 0])
    genome.mutate_add_node(config)
    assert express(genome, config).digest() == before.digest()


def test_a_split_takes_enabled_connections_only() -> None:
    genome, config = hand_made([(-1, 0, 1.0, False)], {0: ("identity", "none", "add")})
    genome.mutate_add_node(config)
    assert list(genome.nodes) == [0]


def test_new_nodes_are_spared_attribute_mutation_once() -> None:
    config = genome_config(op_mutate_rate=1.0, activation_mutate_rate=1.0, node_add_prob=1.0, node_delete_prob=0.0)
    random.seed(0)
    genome = CellGenome(1)
    genome.configure_new(config)
    genome.mutate(config)
    (new,) = [node for key, node in genome.nodes.items() if key != 0]
    assert (new.op_1, new.op_2, new.activation_1, new.aggregation) == ("identity", "none", "identity", "add")
    changed = False
    for _ in range(5):
        genome.mutate(config)
        changed |= (genome.nodes[new.key].op_1, genome.nodes[new.key].op_2) != ("identity", "none")
    assert changed


def test_max_nodes_holds_under_mutation() -> None:
    config = genome_config(max_nodes=3, node_add_prob=1.0, node_delete_prob=0.0)
    assert all(len(genome.nodes) <= 3 for genome in evolved_genomes(config, 1, 60))


def test_node_distance_counts_attributes_that_differ() -> None:
    config = genome_config(compatibility_weight_coefficient=0.5)
    one = CellGenome(1).create_node(config, 0)
    other = copy.copy(one)
    assert one.distance(other, config) == 0
    other.op_1, other.activation_2 = "changed", "changed"
    assert one.distance(other, config) == pytest.approx(1.0)


# --- graph to genome -----------------------------------------------------------------------------------------------


@given(graphs(outputs=("last",)))
@settings(max_examples=150, deadline=None)
def test_seeded_genomes_express_their_graph(graph: CellGraph) -> None:
    config = genome_config(graph.num_inputs, max_nodes=0, op_options=ALL_OPS)
    output_key = graph.nodes[-1].key
    genome = seed_genome(graph, config, 5)
    assert express(genome, config) == graph
    assert genome.key == 5
    assert output_key == len(graph.nodes) - 1  # the strategy's keys; the genome's output is node 0 all the same


@pytest.mark.parametrize(
    ("graph", "changes", "message"),
    [
        (
            CellGraph(1, (CellNode((Edge(0, "identity"),)),), "concat"),
            {},
            "output is its last node; the graph's is 'concat'",
        ),
        (CellGraph(2, (CellNode((Edge(0, "identity"),)),)), {}, "graph has 2 inputs, genomes of this configuration 1"),
        (CellGraph(1, (CellNode((Edge(0, "attention"),)),)), {}, "op 'attention' is not among op_options"),
        (CellGraph(1, (CellNode((Edge(0, "identity", "tanh"),)),)), {}, "activation 'tanh' is not among"),
        (CellGraph(1, (CellNode((Edge(0, "identity"), Edge(0, "identity")), "max"),)), {}, "aggregation 'max' is not"),
        (
            CellGraph(1, (CellNode((Edge(0, "identity"), Edge(0, "max_pool_3", gated=True))),)),
            {},
            "the graph has a gated edge, which genes do not know",
        ),
        (
            CellGraph(1, (CellNode((Edge(0, "identity"),)), CellNode((Edge(1, "identity"),)))),
            {"max_nodes": 1},
            "graph has 2 nodes, max_nodes allows 1",
        ),
    ],
)
def test_graphs_that_no_genome_can_hold(graph: CellGraph, changes: dict[str, object], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        seed_genome(graph, genome_config(**changes), 1)


# --- configuration ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"op_optoins": "identity"}, r"\[CellGenome\] unknown key 'op_optoins'; did you mean 'op_options'"),
        ({"op_options": "identity sepconv_3"}, r"\[CellGenome\] unknown op 'sepconv_3' in op_options; did you mean"),
        ({"op_options": "identity  sep_conv_3"}, r"op_options: .* one space"),
        ({"op_options": "identity # a comment"}, r"op_options: .* a comment needs a line of its own"),
        ({"op_options": "identity identity"}, r"op_options: .* twice"),
        ({"op_options": "none"}, r"op_options: got 'none' alone"),
        ({"op_default": "none"}, r"op_default: got 'none'.* say random"),
        ({"op_default": "attention"}, r"op_default: got 'attention', allowed: random, identity"),
        ({"activation_options": "identity swish"}, r"unknown activation 'swish'"),
        ({"aggregation_options": "add max"}, r"unknown aggregation 'max'"),
        ({"op_mutate_rate": "1.5"}, r"op_mutate_rate: got 1.5, allowed: 0 to 1"),
        ({"enabled_rate_to_true_add": "7"}, r"enabled_rate_to_true_add: got 7.0, allowed: 0 to 1"),
        ({"node_add_prob": "-0.1"}, r"node_add_prob: got -0.1, allowed: 0 to 1"),
        ({"weight_mutate_rate": "nan"}, r"weight_mutate_rate: got nan"),
        ({"num_outputs": "2"}, r"num_outputs: got 2, allowed: 1"),
        ({"num_inputs": "3"}, r"num_inputs: got 3, allowed: 1 .*2"),
        ({"num_inputs": "one"}, r"num_inputs: got 'one', allowed: a whole number"),
        ({"feed_forward": "False"}, r"feed_forward: got False, allowed: True"),
        ({"feed_forward": "yes"}, r"feed_forward: got 'yes', allowed: True, False"),
        ({"weight_min_value": "31"}, r"weight_min_value: got 31, allowed: at most weight_max_value"),
        ({"enabled_default": "perhaps"}, r"enabled_default: got 'perhaps'"),
        ({"initial_connection": "all"}, r"initial_connection: got 'all', allowed: unconnected"),
        ({"initial_connection": "partial 1.5"}, r"initial_connection: got 'partial 1.5'"),
        ({"initial_connection": "partial"}, r"initial_connection: got 'partial'"),
        ({"max_nodes": "-1"}, r"max_nodes: got -1, allowed: 0 or more"),
        ({"max_nodes": "1", "num_hidden": "2"}, r"max_nodes: got 1, allowed: 0 .no limit., or 3"),
        ({"structural_mutation_surer": "maybe"}, r"structural_mutation_surer: got 'maybe'"),
        ({"aggregation_mutate_rate": ""}, r"aggregation_mutate_rate: got nothing"),
    ],
)
def test_bad_genome_settings(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        genome_config(**changes)
    assert "[CellGenome]" in str(caught.value)


def test_the_settings_are_those_that_neat_python_reads() -> None:
    names = {parameter.name for parameter in genome_config()._params}
    ours = {*OWN_KEYS, *text_keys(SkeletonOptions), *text_keys(MotifOptions)}
    assert set(text_keys(installed_genome_settings())) == names | ours


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigError, match=r"\[CellGenome\] the key 'num_inputs' is missing"):
        CellGenome.parse_config({"op_options": "identity"})


def test_saved_configuration_reads_the_same(tmp_path: Path) -> None:
    config = neat_config()
    config.save(tmp_path / "saved.ini")
    again = neat_config(tmp_path / "saved.ini")
    again.save(tmp_path / "twice.ini")
    assert (tmp_path / "twice.ini").read_text() == (tmp_path / "saved.ini").read_text()
    for config_parameter in config.genome_config._params:
        name = config_parameter.name
        assert getattr(again.genome_config, name) == getattr(config.genome_config, name)
    assert again.genome_config.max_nodes == config.genome_config.max_nodes == 6


def test_structural_mutations_are_independent_unless_asked_otherwise() -> None:
    assert genome_config().single_structural_mutation is False
    assert genome_config(single_structural_mutation="True").single_structural_mutation is True


def test_partial_connections_are_saved(tmp_path: Path) -> None:
    text = io.StringIO()
    CellGenome.write_config(text, genome_config(initial_connection="partial_direct 0.5"))
    assert "initial_connection      = partial_direct 0.5" in text.getvalue()


def test_works_with_stock_reporters_and_checkpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = neat_config()
    population = neat.Population(config, seed=4)
    statistics = neat.StatisticsReporter()
    population.add_reporter(statistics)
    population.add_reporter(neat.StdOutReporter(True))
    population.add_reporter(neat.Checkpointer(1, filename_prefix=str(tmp_path / "checkpoint-")))

    def fitness(genomes, config) -> None:
        for _, genome in genomes:
            genome.fitness = len(genome.nodes) / 10

    population.run(fitness, 3)
    restored = neat.Checkpointer.restore_checkpoint(str(tmp_path / "checkpoint-2"))
    best = restored.run(fitness, 2)
    assert best.fitness >= 0.1
    assert len(statistics.most_fit_genomes) == 3
    assert "Population of 12 members" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["activation", "aggregation"])
@pytest.mark.parametrize(
    ("name", "function"),
    [("swish", math.tanh), ("own", lambda x: x * x), ("relu", abs), ("two", pow), ("torch", nn.ReLU)],
)
def test_functions_of_numbers_are_refused_by_name(kind: str, name: str, function: Callable[..., object]) -> None:
    config = neat_config().genome_config
    with pytest.raises(
        ConfigError, match=rf"add_{kind}\('{name}'\): .*allowed: @neat_deep.register_{kind}\('{name}'\)"
    ):
        getattr(config, f"add_{kind}")(name, function)
    assert callable(getattr(neat_deep, f"register_{kind}"))


def test_a_torch_function_that_is_registered_works(registrations: None) -> None:
    neat_deep.register_activation("softplus")(nn.functional.softplus)
    config = genome_config(activation_options="softplus", activation_default="softplus")
    for genome in evolved_genomes(config, seed=2, steps=3, count=3):
        assert {node.activation_1 for node in genome.nodes.values() if not node.fresh} <= {"softplus", "identity"}
