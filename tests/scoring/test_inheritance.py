"""Weights that a child takes over: which, from whom, bit for bit, and what that does to the evaluation's name."""

from __future__ import annotations

import copy
import random
import struct
from dataclasses import replace
from typing import Any

import pytest
import torch

from neat_deep.base.errors import StoreError
from neat_deep.evolution.expression import express, seed_genome
from neat_deep.evolution.fitness import FitnessEvaluator
from neat_deep.evolution.genome import CellGenome
from neat_deep.networks.network import build_network
from neat_deep.scoring.inheritance import (
    Ancestor,
    Piece,
    collect,
    load,
    name_inheritance,
    pack,
    plan_inheritance,
    unpack,
)
from neat_deep.scoring.records import MemoryLog
from neat_deep.scoring.scores import REUSED, SCORED
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.settings import TrainingSettings
from tests.support import toy_data
from tests.support.random_cells import genome_config

SKELETON = Skeleton(channels=4, cells=2, reduce_after=(1,))
SETTINGS = FitnessSettings(epochs=1, batch_size=48, learning_rate=0.02, inherit=True)


class Config:
    def __init__(self) -> None:
        self.genome_config = genome_config()


def cell(*nodes: tuple[int, list[tuple[int, str]]]) -> CellGraph:
    """A canonical cell of nodes given by key and their (source state, op) pairs."""
    made = tuple(CellNode(tuple(Edge(s, op, "relu") for s, op in edges), "add", key) for key, edges in nodes)
    return CellGraph(1, made).canonical()


def ancestor(graph: CellGraph, key: str = "p") -> Ancestor:
    return Ancestor(key, 0, graph)


PARENT = cell((5, [(0, "sep_conv_3")]), (0, [(1, "sep_conv_5"), (0, "max_pool_3")]))


def ops_of(graph: CellGraph) -> list[str]:
    """The node key and op of each op, in the order in which a cell numbers them."""
    return [f"{node.key} {edge.op}" for node in graph.nodes for edge in node.edges]


def inherited(child: CellGraph, *parents: CellGraph) -> dict[str, str]:
    """What each inheriting op of the child starts from."""
    pieces = plan_inheritance(child, [ancestor(graph, str(i)) for i, graph in enumerate(parents)])
    found = {}
    for piece in pieces:
        if piece.target:
            donor = ops_of(parents[int(piece.key)])[int(piece.source.split(".")[1])]
            found[ops_of(child)[int(piece.target.split(".")[1])]] = f"{piece.key}: {donor}"
    return found


def test_ops_are_found_by_node_and_name() -> None:
    child = cell((5, [(0, "sep_conv_3")]), (9, [(1, "sep_conv_3")]), (0, [(2, "sep_conv_5"), (0, "sep_conv_1")]))
    assert inherited(child, PARENT) == {"5 sep_conv_3": "0: 5 sep_conv_3", "0 sep_conv_5": "0: 0 sep_conv_5"}


def test_gates_go_with_their_ops() -> None:
    gated = CellNode((Edge(0, "identity"), Edge(0, "max_pool_3", gated=True)), "add", 5)
    last = CellNode((Edge(1, "sep_conv_3"), Edge(0, "sep_conv_3", gated=True)), "mul", 0)
    new = CellNode((Edge(0, "avg_pool_3"), Edge(0, "sep_conv_5")), "add", 9)
    parent = CellGraph(1, (gated, last)).canonical()
    child = CellGraph(
        1,
        (
            new,
            replace(gated, edges=(Edge(1, "identity"), gated.edges[1])),
            replace(last, edges=(replace(last.edges[0], source=2), last.edges[1])),
        ),
    ).canonical()
    networks = [
        build_network(Architecture(graph, SKELETON), toy_data.SPEC, seed=seed)
        for seed, graph in enumerate((parent, child))
    ]
    with torch.no_grad():
        for number, (_, gate) in enumerate(sorted(p for p in networks[0].named_parameters() if "gates" in p[0])):
            gate.fill_(number + 1)
    log = {("p", 0): pack(networks[0].state_dict())}
    pieces = plan_inheritance(child, [ancestor(parent)])
    load(networks[1], collect(pieces, lambda key, rung: log[key, rung]))
    assert gates_of(networks[1], child) == gates_of(networks[0], parent)


def gates_of(network: torch.nn.Module, graph: CellGraph) -> dict[str, float]:
    """The gates of a network's first cell, by node key and op."""
    names = ops_of(graph)
    return {
        names[int(name.rpartition(".")[2])]: gate.item()
        for name, gate in network.named_parameters()
        if name.startswith("cells.0.gates.")
    }


def test_the_second_parent_gives_what_the_first_has_not() -> None:
    first = cell((0, [(0, "sep_conv_1")]))
    child = cell((5, [(0, "sep_conv_3")]), (0, [(1, "sep_conv_5"), (0, "sep_conv_1")]))
    assert inherited(child, first, PARENT) == {
        "5 sep_conv_3": "1: 5 sep_conv_3",
        "0 sep_conv_5": "1: 0 sep_conv_5",
        "0 sep_conv_1": "0: 0 sep_conv_1",
    }


def test_twin_ops_of_a_node_are_told_apart_by_what_they_read() -> None:
    parent = cell((5, [(0, "max_pool_3")]), (0, [(0, "sep_conv_3"), (1, "sep_conv_3")]))
    child = cell((5, [(0, "avg_pool_3")]), (0, [(1, "sep_conv_3"), (0, "sep_conv_3")]))
    pieces = {p.target: p.source for p in plan_inheritance(child, [ancestor(parent)]) if p.target}

    def reads(graph: CellGraph) -> dict[str, int]:
        flat = [(node, edge) for node in graph.nodes for edge in node.edges]
        return {f"ops.{i}": edge.source for i, (_, edge) in enumerate(flat) if edge.op == "sep_conv_3"}

    assert len(pieces) == 2
    for target, source in pieces.items():
        assert reads(child)[target] == reads(parent)[source]


def test_no_parent_no_name() -> None:
    assert plan_inheritance(PARENT, []) == ()
    assert name_inheritance(()) == ""


def test_the_name_tells_what_was_inherited() -> None:
    names = {
        name_inheritance(plan_inheritance(PARENT, [replace(ancestor(PARENT), key=key, rung=rung)]))
        for key, rung in (("a", 0), ("b", 0), ("a", 1))
    }
    assert len(names) == 3
    pieces = plan_inheritance(PARENT, [ancestor(PARENT)])
    assert name_inheritance(pieces[::-1]) == name_inheritance(pieces)


# --- tensors ---------------------------------------------------------------------------------------------------------


def test_packing_keeps_every_bit() -> None:
    tensors = {
        "a": torch.randn(3, 1, 2, generator=torch.Generator().manual_seed(0)),
        "b": torch.tensor(7),
        "c": torch.tensor([1.5], dtype=torch.float64),
        "d": torch.zeros(0, 3),
        "e": torch.tensor([True, False]),
        "f": torch.arange(6.0).reshape(2, 3).t(),  # not in the order of its memory
        "g": torch.tensor([1.5], dtype=torch.bfloat16),
    }
    tensors["h"] = tensors["a"]  # weights that are tied
    again = unpack(pack(tensors))
    assert sorted(again) == sorted(tensors)
    for name, tensor in tensors.items():
        assert again[name].dtype == tensor.dtype and torch.equal(again[name], tensor)
    assert pack(tensors) == pack(dict(reversed(tensors.items())))


def test_weights_of_earlier_runs_are_read() -> None:
    """The bytes that this program wrote before it had the library: the same format, without padding or sorting."""
    header = (
        b'{"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"flag":{"dtype":"BOOL","shape":[1],'
        b'"data_offsets":[8,9]},"none":{"dtype":"F32","shape":[0,3],"data_offsets":[9,9]},'
        b'"steps":{"dtype":"I64","shape":[],"data_offsets":[9,17]}}'
    )
    values = struct.pack("<2f", 1.5, -2.0) + b"\x01" + struct.pack("<q", 7)
    tensors = unpack(len(header).to_bytes(8, "little") + header + values)
    assert torch.equal(tensors["w"], torch.tensor([[1.5, -2.0]]))
    assert torch.equal(tensors["flag"], torch.tensor([True]))
    assert torch.equal(tensors["steps"], torch.tensor(7))
    assert tensors["none"].shape == (0, 3)


@pytest.mark.parametrize("data", [b"", b"abc", pack({"a": torch.ones(3)})[:-1], b"\x02" + bytes(7) + b"[]"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(StoreError, match="not packed weights"):
        unpack(data)


def test_types_that_cannot_be_kept_are_refused() -> None:
    with pytest.raises(StoreError, match=r"cannot keep 'a': got torch.complex64, allowed: torch.float32,"):
        pack({"a": torch.ones(1, dtype=torch.complex64)})


def test_what_does_not_fit_is_left_as_drawn() -> None:
    network = torch.nn.Linear(2, 3)
    before = network.bias.clone()
    assert load(network, {"weight": torch.ones(3, 2), "bias": torch.ones(4), "other": torch.ones(1)}) == 1
    assert torch.equal(network.weight, torch.ones(3, 2))
    assert torch.equal(network.bias, before)


def test_weights_that_are_gone_are_an_error() -> None:
    with pytest.raises(StoreError, match="the weights of p, rung 0, are not there any more"):
        collect([Piece("", "p", 0, "")], lambda key, rung: None)


def test_an_added_node_leaves_the_function_as_it_was() -> None:
    """The child of a split connection, with its parent's weights, computes what its parent does, bit for bit."""
    config = genome_config()
    config.op_options = ["identity", "none", "sep_conv_1", "sep_conv_3", "sep_conv_5", "max_pool_3"]
    random.seed(0)
    torch.manual_seed(0)
    spec = toy_data.SPEC
    parent = seed_genome(CellGraph(1, PARENT.nodes), config, 1)
    parent.fitness = 0.5
    for step in range(12):
        graph = express(parent, config).canonical()
        network = build_network(Architecture(graph, SKELETON), spec, seed=step).eval()
        # A copy: neat-python from 2.1 on may enable a connection again where a genome is crossed with itself.
        child = copy.deepcopy(parent)
        child.key = 2 + step
        child.mutate_add_node(config)
        its_graph = express(child, config).canonical()
        other = build_network(Architecture(its_graph, SKELETON), spec, seed=99).eval()
        pieces = plan_inheritance(its_graph, [Ancestor("p", 0, graph)])
        data = pack(network.state_dict())
        assert load(other, collect(pieces, lambda key, rung, data=data: data)) == len(network.state_dict())
        inputs = torch.randn(2, *spec.shape)
        assert torch.equal(network(inputs), other(inputs))
        child.fitness = 0.5
        child.nodes[max(child.nodes)].op_1 = random.choice(
            ["sep_conv_3", "sep_conv_1"]
        )  # the next one has more to keep
        parent = child


# --- in a search -----------------------------------------------------------------------------------------------------


def evaluator(journal: MemoryLog | None = None, **changes: Any) -> FitnessEvaluator:
    return FitnessEvaluator(
        toy_data.dataset(),
        SKELETON,
        TrainingSettings(),
        replace(SETTINGS, **changes),
        device=torch.device("cpu"),
        seed=3,
        journal=journal,
    )


def first(config: Config) -> CellGenome:
    return seed_genome(CellGraph(1, (CellNode((Edge(0, "sep_conv_3", "relu"),)),)), config.genome_config, 1)


def child_of(parent: CellGenome, config: Config, key: int, op: str = "") -> CellGenome:
    child = CellGenome(key)
    child.configure_crossover(parent, parent, config.genome_config)
    if op:
        child.nodes[0].op_2, child.nodes[0].activation_2 = op, "identity"
    return child


def test_a_child_starts_from_its_parent_and_its_name_says_so() -> None:
    config, score = Config(), evaluator(epochs=2)
    parent = first(config)
    score([(1, parent)], config)
    child = child_of(parent, config, 2, "sep_conv_1")
    score([(2, child)], config)
    (heir,) = score.generation
    assert heir.status == SCORED and heir.key.startswith(f"{heir.digest}-")
    scratch = evaluator(epochs=2, inherit=False)
    twin = child_of(parent, config, 2, "sep_conv_1")
    scratch([(2, twin)], config)
    assert scratch.generation[0].key == heir.digest
    again = evaluator(epochs=2)
    again([(2, child_of(parent, config, 2, "sep_conv_1"))], config)  # its parent was never scored: nothing to inherit
    assert again.generation[0].key == heir.digest
    assert again.generation[0].accuracy == scratch.generation[0].accuracy


def test_a_child_that_computes_what_its_parent_does_is_not_trained() -> None:
    config, score = Config(), evaluator()
    parent = first(config)
    score([(1, parent)], config)
    clone = child_of(parent, config, 2)
    clone.mutate_add_node(config.genome_config)
    score([(1, parent), (2, clone)], config)
    assert [s.status for s in score.generation] == [REUSED, REUSED]
    assert clone.fitness == parent.fitness


def test_equal_graphs_with_other_heritage_are_trained_apart() -> None:
    config, score = Config(), evaluator()
    one = first(config)
    two = child_of(replace_fitness(one, 0.0), config, 2, "sep_conv_5")
    two.parents = ()
    score([(1, one), (2, two)], config)
    heir_of_one = child_of(one, config, 3, "sep_conv_1")
    heir_of_two = child_of(two, config, 4, "sep_conv_1")
    score([(3, heir_of_one), (4, heir_of_two)], config)
    first_score, second_score = score.generation
    assert first_score.digest == second_score.digest
    assert first_score.key != second_score.key
    assert [first_score.status, second_score.status] == [SCORED, SCORED]


def replace_fitness(genome: CellGenome, fitness: float) -> CellGenome:
    genome.fitness = fitness
    return genome


def test_off_is_training_from_scratch() -> None:
    config = Config()
    parents, results = evaluator(inherit=False), []
    parent = first(config)
    parents([(1, parent)], config)
    for score in (parents, evaluator(inherit=False)):
        child = child_of(parent, config, 2, "sep_conv_1")
        score([(2, child)], config)
        results.append((score.generation[0].key, child.fitness))
    assert results[0] == results[1]


def test_the_bound_holds_for_memory() -> None:
    config, journal = Config(), MemoryLog()
    score = evaluator(journal, weights_megabytes=1)
    parent = first(config)
    genomes = [(1, parent)]
    for generation in range(4):
        score(genomes, config)
        genomes = [(1, parent)] + [
            (key, child_of(parent, config, key, op))
            for key, op in enumerate(("sep_conv_1", "sep_conv_3", "sep_conv_5"), start=10 * (generation + 1))
        ]
        kept = journal.kept_weights()
        sizes = [len(journal.weights(key, rung) or b"") for key, rung in kept]
        assert sum(sizes) <= 2**20
        assert len(kept) <= 2 * len(genomes)
