"""Graphs: validation, pruning, and a digest that tells networks apart and nothing else."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neat_deep.base.errors import GraphError
from neat_deep.networks.cell import Cell
from neat_deep.ops import FeatureSpec
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from tests.support.random_cells import graphs


def node(*edges: Edge, aggregation: str = "add", key: int = -1) -> CellNode:
    return CellNode(edges, aggregation, key)


def chain(*nodes: CellNode, num_inputs: int = 1, output: str = "last") -> CellGraph:
    return CellGraph(num_inputs, nodes, output)  # type: ignore[arg-type]


CONV = Edge(0, "sep_conv_3", "relu")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: chain(num_inputs=1), "at least one node"),
        (lambda: chain(node(CONV), num_inputs=0), "num_inputs: got 0"),
        (lambda: chain(node()), "node 0: got 0 edges"),
        (lambda: chain(node(CONV, CONV, CONV)), "node 0: got 3 edges, allowed: 1 or 2"),
        (lambda: chain(node(Edge(1, "identity"))), "node 0: an edge reads state 1, allowed: 0 to 0"),
        (lambda: chain(node(Edge(-1, "identity"))), "node 0: an edge reads state -1"),
        (lambda: chain(node(CONV), node(Edge(2, "identity"))), "node 1: an edge reads state 2.*cycle"),
        (lambda: chain(node(Edge(0, "none"))), "op 'none' is no edge"),
        (lambda: chain(node(CONV), output="first"), "output: got 'first', allowed: last, concat"),
    ],
)
def test_invalid_graphs_are_refused(build, message) -> None:
    with pytest.raises(GraphError, match=message):
        build()


def test_prune_drops_what_the_output_does_not_use() -> None:
    graph = chain(node(CONV, key=7), node(Edge(0, "max_pool_3"), key=8), node(Edge(1, "identity"), CONV, key=9))
    pruned = graph.prune()
    assert [n.key for n in pruned.nodes] == [7, 9]
    assert pruned.nodes[1].edges[0].source == 1
    assert pruned.prune() == pruned


def test_used_inputs() -> None:
    assert chain(node(Edge(1, "identity", "relu")), num_inputs=2).used_inputs() == (1,)


def test_one_node_used_twice_is_not_two_equal_nodes() -> None:
    shared = chain(node(CONV), node(Edge(1, "identity"), Edge(1, "max_pool_3")))
    twins = chain(node(CONV), node(CONV), node(Edge(1, "identity"), Edge(2, "max_pool_3")))
    assert shared.digest() != twins.digest()


def test_twins_with_different_readers_stay_apart_from_swapped_ones() -> None:
    # Two twins, each read by two nodes: which twin is read by which pair is part of the network.
    head = (node(CONV), node(CONV))
    readers = (node(Edge(1, "max_pool_3"), Edge(2, "avg_pool_3")), node(Edge(1, "avg_pool_3"), Edge(2, "max_pool_3")))
    same = (node(Edge(1, "max_pool_3"), Edge(2, "avg_pool_3")), node(Edge(1, "max_pool_3"), Edge(2, "avg_pool_3")))
    end = node(Edge(3, "sep_conv_1"), Edge(4, "sep_conv_1"))
    assert chain(*head, *readers, end).digest() != chain(*head, *same, end).digest()


def test_many_symmetric_twins_are_canonical_in_no_time() -> None:
    # Eleven pairs of twins: a search over all ways to break the ties would take 2**11 and more labellings.
    nodes: list[CellNode] = []
    state = 0
    for _ in range(11):
        first = len(nodes) + 1
        nodes += [node(Edge(state, "sep_conv_3")), node(Edge(state, "sep_conv_3"))]
        nodes.append(node(Edge(first, "identity"), Edge(first + 1, "identity")))
        state = len(nodes)
    graph = chain(*nodes)
    assert graph.canonical().digest() == graph.digest()


@pytest.mark.parametrize(
    "change",
    [
        lambda g: replace(g, num_inputs=2),
        lambda g: replace(g, nodes=(*g.nodes[:-1], replace(g.nodes[-1], aggregation="mul"))),
        lambda g: replace(g, nodes=(replace(g.nodes[0], edges=(Edge(0, "sep_conv_5", "relu"),)), *g.nodes[1:])),
        lambda g: replace(g, nodes=(replace(g.nodes[0], edges=(Edge(0, "sep_conv_3", "tanh"),)), *g.nodes[1:])),
        lambda g: replace(g, nodes=(*g.nodes[:-1], node(Edge(0, "max_pool_3"), Edge(0, "identity")))),
        lambda g: replace(g, output="concat"),
        lambda g: replace(g, nodes=(*g.nodes[:-1], node(Edge(1, "max_pool_3", gated=True), Edge(0, "identity")))),
    ],
)
def test_digest_sees_what_changes_the_network(change) -> None:
    graph = chain(node(CONV), node(Edge(1, "max_pool_3"), Edge(0, "identity")))
    assert change(graph).digest() != graph.digest()


def test_aggregation_of_a_single_edge_means_nothing() -> None:
    assert chain(node(CONV)).digest() == chain(node(CONV, aggregation="mul")).digest()


def test_order_counts_for_an_aggregation_that_is_not_known_to_commute() -> None:
    one = chain(node(Edge(0, "sep_conv_3"), Edge(0, "max_pool_3"), aggregation="subtract"))
    other = chain(node(Edge(0, "max_pool_3"), Edge(0, "sep_conv_3"), aggregation="subtract"))
    assert one.digest() != other.digest()


def test_digest_is_stable_across_versions() -> None:
    # A changed digest would make every stored score worthless: change it only on purpose.
    graph = chain(node(CONV), node(Edge(1, "max_pool_3"), Edge(0, "identity")))
    assert graph.digest() == "1ae66983e6c017e1"


def shuffled(graph: CellGraph, seed: int) -> CellGraph:
    """The same network, told differently: other node order, edge order and keys, a dead node, a pass-through."""
    rng = random.Random(seed)
    order: list[int] = []
    waiting = list(range(len(graph.nodes)))
    last = waiting.pop() if graph.output == "last" else None
    while waiting:
        ready = [
            i
            for i in waiting
            if all(e.source < graph.num_inputs or e.source - graph.num_inputs in order for e in graph.nodes[i].edges)
        ]
        order.append(rng.choice(ready))
        waiting.remove(order[-1])
    if last is not None:
        order.append(last)
    nodes: list[CellNode] = []
    place: dict[int, int] = {i: i for i in range(graph.num_inputs)}
    for old in order:
        moved = [replace(e, source=place[e.source]) for e in graph.nodes[old].edges]
        if rng.random() < 0.5 and graph.output == "last":
            nodes.append(node(Edge(moved[0].source, "identity"), key=rng.randrange(1000)))
            moved[0] = replace(moved[0], source=graph.num_inputs + len(nodes) - 1)
        if rng.random() < 0.3 and graph.output == "last":
            nodes.append(node(Edge(moved[0].source, "sep_conv_3"), key=rng.randrange(1000)))  # nothing reads it
        rng.shuffle(moved)
        nodes.append(CellNode(tuple(moved), graph.nodes[old].aggregation, rng.randrange(1000)))
        place[graph.num_inputs + old] = graph.num_inputs + len(nodes) - 1
    return CellGraph(graph.num_inputs, tuple(nodes), graph.output)


@given(graphs(gates=True), st.integers(0, 10**6))
@settings(max_examples=200, deadline=None)
def test_digest_ignores_how_a_network_is_told(graph: CellGraph, seed: int) -> None:
    other = shuffled(graph, seed)
    assert other.digest() == graph.digest()
    assert other.canonical() == graph.canonical()
    assert graph.canonical().canonical() == graph.canonical()


def outputs(graph: CellGraph) -> torch.Tensor:
    """The cell's output on fixed inputs, with weights that depend on the op alone."""
    torch.manual_seed(0)
    inputs = [torch.randn(1, 2, 5, 5, dtype=torch.float64) for _ in range(graph.num_inputs)]
    cell = Cell(replace(graph, output="last"), FeatureSpec(2, 2)).double().eval()
    for parameter in cell.parameters():
        torch.nn.init.constant_(parameter, 0.3)
    with torch.no_grad():
        return cell(inputs)


@given(graphs(outputs=("last",), gates=True))
@settings(max_examples=60, deadline=None)
def test_canonical_graph_computes_the_same(graph: CellGraph) -> None:
    torch.testing.assert_close(outputs(graph.canonical()), outputs(graph), rtol=1e-9, atol=1e-12)


def brute_force_key(graph: CellGraph) -> str:
    """An independent canonical form: the least description over every topological order of the nodes."""
    import itertools

    graph = graph.prune()
    best = ""
    for order in itertools.permutations(range(len(graph.nodes))):
        place = {i: i for i in range(graph.num_inputs)}
        place.update({graph.num_inputs + old: graph.num_inputs + new for new, old in enumerate(order)})
        rows = []
        for new, old in enumerate(order):
            found = sorted((place[e.source], *e.label) for e in graph.nodes[old].edges)
            if any(source >= graph.num_inputs + new for source, *_ in found):
                break
            rows.append((graph.nodes[old].aggregation if len(found) == 2 else "add", found))
        else:
            text = repr((graph.num_inputs, graph.output, rows, order.index(len(order) - 1)))
            best = min(best, text) if best else text
    return best


@given(graphs(max_nodes=4, gates=True), graphs(max_nodes=4, gates=True))
@settings(max_examples=150, deadline=None)
def test_digest_agrees_with_brute_force(one: CellGraph, other: CellGraph) -> None:
    one, other = one.canonical(), other.canonical()
    assert (one.digest() == other.digest()) == (brute_force_key(one) == brute_force_key(other))
