"""Ops with two names: no two ops compute the same, but for those that are one op with two names."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from neat_deep.ops import OPS, FeatureSpec, get_op, list_ops
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.space.op_names import other_names, plain_name
from tests.support.random_cells import graphs

CHANNELS = 16


def computed(name: str, rank: int) -> Tensor:
    """What an op makes of random features, with weights from one seed, as it is before any training."""
    torch.manual_seed(0)
    op = get_op(name).factory(FeatureSpec(rank, CHANNELS))
    x = torch.randn(3, CHANNELS, *((7, 6) if rank == 2 else (9,)), generator=torch.Generator().manual_seed(1))
    return op(x)


def same(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rank", [1, 2])
def test_no_two_ops_compute_the_same_unless_they_are_one(rank: int) -> None:
    values = {name: computed(name, rank) for name in list_ops(rank)}
    for one, other in combinations(values, 2):
        assert same(values[one], values[other]) == (plain_name(one) == plain_name(other)), (one, other)


@pytest.mark.parametrize(("other", "plain"), other_names().items())
def test_both_names_are_registered_with_the_same_facts(other: str, plain: str) -> None:
    assert plain_name(plain) == plain
    facts = [(info.ranks, info.parametric, info.needs_positions) for info in (OPS.get(other), OPS.get(plain))]
    assert facts[0] == facts[1]


def renamed(graph: CellGraph, draw: st.DataObject) -> CellGraph:
    """The graph with some of its ops under another of their names."""
    names = {plain: [plain, *(o for o, p in other_names().items() if p == plain)] for plain in list_ops()}
    nodes = []
    for node in graph.nodes:
        edges = [Edge(e.source, draw.draw(st.sampled_from(names[e.op])), e.activation) for e in node.edges]
        nodes.append(CellNode(tuple(edges), node.aggregation, node.key))
    return CellGraph(graph.num_inputs, tuple(nodes), graph.output)


@given(graphs(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_network_has_one_digest_whichever_names_it_is_told_with(graph: CellGraph, draw: st.DataObject) -> None:
    told = renamed(graph, draw)
    assert told.digest() == graph.digest()
    assert told.canonical() == graph.canonical()
    assert all(plain_name(edge.op) == edge.op for node in told.canonical().nodes for edge in node.edges)


def test_both_names_of_an_op_are_one_network() -> None:
    one, other = (CellGraph(1, (CellNode((Edge(0, name),)),)) for name in ("sep_conv_1", "dil_conv_1"))
    assert one.digest() == other.digest()
