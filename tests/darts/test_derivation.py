"""From alphas to a cell and back, and the derived network before it is retrained."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from darts import Alphas, SearchSpace, build_supernet, derive, warm_start
from darts.derivation import count_identities, count_parameter_free, derive_weighted
from darts.search_space import Candidate
from darts.warm_starts import inherit_network
from neat_deep.base.errors import ConfigError, GraphError
from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from tests.support import random_cells as strategies
from tests.support.toy_data import SPEC, stripes

OPS = ("none", *strategies.OPS)


def alphas_of(space: SearchSpace, *, edge_normalisation: bool = False) -> Alphas:
    """Alphas that are all 0."""
    alphas = Alphas(space, torch.Generator().manual_seed(0), edge_normalisation=edge_normalisation)
    with torch.no_grad():
        for alpha in alphas.parameters():
            alpha.zero_()
    return alphas


def set_logits(alphas: Alphas, source: int, node: int = 0, kind: int = 0, **logits: float) -> None:
    """Set some logits of one edge by the name of their op, whose activation is identity."""
    number = alphas.space.edges_into(node)[source]
    with torch.no_grad():
        for op, logit in logits.items():
            alphas.candidates[kind, number, alphas.space.candidates.index(Candidate(op))] = logit


def edges(cell: CellGraph, node: int = 0) -> list[tuple[int, str]]:
    return [(edge.source, edge.op) for edge in cell.nodes[node].edges]


# --- the rule ----------------------------------------------------------------------------------------------------

PLAIN = SearchSpace(("none", "identity", "sep_conv_3", "max_pool_3"), ("identity",), nodes=2)


def test_the_two_strongest_edges_each_with_its_strongest_candidate() -> None:
    alphas = alphas_of(PLAIN)
    set_logits(alphas, 0, sep_conv_3=1.0)
    set_logits(alphas, 1, max_pool_3=2.0)
    set_logits(alphas, 0, node=1, identity=1.0)
    set_logits(alphas, 1, node=1, sep_conv_3=2.0)
    set_logits(alphas, 2, node=1, max_pool_3=3.0, sep_conv_3=2.9)
    cell = derive(alphas)
    assert edges(cell) == [(1, "max_pool_3"), (0, "sep_conv_3")]  # the strongest on slot 1
    assert edges(cell, 1) == [(1, "sep_conv_3"), (2, "max_pool_3")]


def test_edges_are_ranked_by_weights_not_by_logits() -> None:
    """The largest logit of all stands on the weakest edge: its rivals there are as large."""
    alphas = alphas_of(PLAIN)
    set_logits(alphas, 0, node=1, none=9.0, identity=9.1, sep_conv_3=9.2, max_pool_3=9.3)
    set_logits(alphas, 1, node=1, sep_conv_3=1.0)
    set_logits(alphas, 2, node=1, identity=2.0)
    assert edges(derive(alphas), 1) == [(2, "identity"), (1, "sep_conv_3")]


def test_none_takes_weight_from_its_edge_and_is_never_derived() -> None:
    alphas = alphas_of(PLAIN)
    for source in range(3):
        set_logits(alphas, source, node=1, none=10.0, sep_conv_3=1.0 + source)
    set_logits(alphas, 2, node=1, none=14.0)
    assert edges(derive(alphas), 1) == [(1, "sep_conv_3"), (0, "sep_conv_3")]


def test_an_edge_is_kept_once_however_strong_its_second_candidate_is() -> None:
    alphas = alphas_of(PLAIN)
    set_logits(alphas, 0, node=1, sep_conv_3=9.0, max_pool_3=9.0)
    assert [source for source, _ in edges(derive(alphas), 1)] == [0, 1]


def test_a_node_with_one_source_has_one_edge() -> None:
    space = SearchSpace(PLAIN.ops, ("identity", "relu"), nodes=3, num_inputs=1)
    assert [len(node.edges) for node in derive(alphas_of(space)).nodes] == [1, 2, 2]


def test_the_weight_of_a_derived_edge_is_its_candidates_share() -> None:
    alphas = alphas_of(PLAIN)
    set_logits(alphas, 0, sep_conv_3=1.0)
    derived = derive_weighted(alphas)
    assert derived.strengths.keys() == {(0, 0), (0, 1), (1, 0), (1, 1)}
    e = torch.tensor(1.0).exp().item()
    assert derived.strengths[0, 0] == pytest.approx(e / (e + 3))
    assert derived.strengths[0, 1] == pytest.approx(1 / 4)


def test_normalised_edges_are_ranked_by_both_weights() -> None:
    """PC-DARTS: the product of the edge's and the candidate's weight decides."""
    alphas = alphas_of(PLAIN, edge_normalisation=True)
    set_logits(alphas, 0, node=1, sep_conv_3=3.0)
    assert alphas.edges is not None
    with torch.no_grad():
        alphas.edges[0, alphas.space.edges_into(1)[0]] = -5.0
        alphas.edges[0, alphas.space.edges_into(1)[2]] = 0.1
    assert [source for source, _ in edges(derive(alphas), 1)] == [2, 1]


def test_the_strongest_aggregation_brings_its_own_edges() -> None:
    space = SearchSpace(PLAIN.ops, ("identity",), ("add", "mul"), nodes=1)
    alphas = alphas_of(space)
    set_logits(alphas, 0, kind=0, sep_conv_3=5.0)
    set_logits(alphas, 1, kind=1, max_pool_3=5.0)
    assert alphas.aggregations is not None
    for kind, strongest in ((0, (0, "sep_conv_3")), (1, (1, "max_pool_3"))):
        with torch.no_grad():
            alphas.aggregations[0] = torch.eye(2)[kind]
        cell = derive(alphas)
        assert cell.nodes[0].aggregation == space.aggregations[kind]
        assert edges(cell)[0] == strongest


# --- a cap on identity (P-DARTS) ---------------------------------------------------------------------------------


@pytest.mark.parametrize("cap", [0, 1, 2, 3, 4, -1])
def test_the_strongest_identities_keep_their_place(cap: int) -> None:
    alphas = alphas_of(replace(PLAIN, output="concat"))  # the output uses every node
    lead = {(0, 0): 4.0, (0, 1): 2.0, (1, 0): 5.0, (1, 1): 3.0}
    for (node, source), logit in lead.items():
        set_logits(alphas, source, node=node, identity=logit, sep_conv_3=1.0)
    cell = derive(alphas, identity_cap=cap)
    kept = {(n, e.source) for n, node in enumerate(cell.nodes) for e in node.edges if e.op == "identity"}
    assert kept == set(sorted(lead, key=lambda place: -lead[place])[: 4 if cap < 0 else cap])


def test_a_cap_is_not_for_nodes_that_the_output_does_without() -> None:
    alphas = alphas_of(PLAIN)
    for node, source in ((0, 0), (0, 1), (1, 0), (1, 1)):
        set_logits(alphas, source, node=node, identity=3.0, sep_conv_3=1.0)
    cell = derive(alphas, identity_cap=2)
    assert cell.used_nodes() == (1,)
    assert [edge.op for edge in cell.nodes[1].edges] == ["identity", "identity"]
    assert count_identities(cell) == count_parameter_free(cell) == 2


def test_a_capped_edge_is_ranked_by_what_it_has_instead() -> None:
    alphas = alphas_of(PLAIN)
    set_logits(alphas, 0, node=1, identity=9.0)
    set_logits(alphas, 1, node=1, sep_conv_3=1.0)
    set_logits(alphas, 2, node=1, max_pool_3=1.0)
    assert edges(derive(alphas), 1)[0] == (0, "identity")
    assert edges(derive(alphas, identity_cap=0), 1) == [(1, "sep_conv_3"), (2, "max_pool_3")]


def test_a_cap_that_leaves_nothing() -> None:
    alphas = alphas_of(SearchSpace(("none", "identity"), ("identity",), nodes=1))
    with pytest.raises(ConfigError, match=r"identity_cap: edge \(0, 1\) has no candidate but 'identity'"):
        derive(alphas, identity_cap=0)


def test_parameter_free_ops_are_counted() -> None:
    node = CellNode((Edge(0, "identity", "relu"), Edge(1, "max_pool_3")))
    assert count_parameter_free(CellGraph(2, (node, CellNode((Edge(0, "sep_conv_3"), Edge(2, "avg_pool_3")))))) == 3


# --- there and back ----------------------------------------------------------------------------------------------


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    """A search space over the ops that `strategies.graphs` draws."""
    some = st.lists(st.sampled_from(strategies.AGGREGATIONS), min_size=1, unique=True)
    return SearchSpace(
        OPS[draw(st.integers(0, 1)) :],
        draw(st.permutations(strategies.ACTIVATIONS)),
        tuple(draw(some)),
        draw(st.integers(1, 5)),
        draw(st.integers(1, 2)),
        draw(st.sampled_from(["last", "concat"])),
    )


@st.composite
def held(draw: st.DrawFn, space: SearchSpace) -> CellGraph:
    """A cell that a search in `space` could end in."""
    nodes = []
    for node in range(space.nodes):
        states = space.num_inputs + node
        sources = draw(st.lists(st.integers(0, states - 1), min_size=min(2, states), max_size=2, unique=True))
        chosen = [
            Edge(s, draw(st.sampled_from(space.real_ops)), draw(st.sampled_from(space.activations))) for s in sources
        ]
        nodes.append(CellNode(tuple(chosen), draw(st.sampled_from(space.aggregations))))
    return CellGraph(space.num_inputs, tuple(nodes), space.output)


@given(data=st.data(), space=spaces(), edge_normalisation=st.booleans(), seed=st.integers(0, 99))
def test_a_cell_comes_back_from_the_alphas_that_it_started(
    data: st.DataObject, space: SearchSpace, edge_normalisation: bool, seed: int
) -> None:
    cell = data.draw(held(space))
    alphas = Alphas(space, torch.Generator().manual_seed(seed), edge_normalisation=edge_normalisation)
    assert warm_start(alphas, cell) is alphas
    assert derive(alphas) == cell


def test_a_cell_may_name_an_op_by_its_other_name() -> None:
    space = SearchSpace(("none", "sep_conv_1", "dil_conv_1", "max_pool_3"), nodes=1)
    names = ("dil_conv_1", "sep_conv_1")
    told, plain = (CellGraph(2, (CellNode((Edge(0, name), Edge(1, "max_pool_3"))),)) for name in names)
    assert derive(warm_start(alphas_of(space), told)) == plain
    supernet = build_supernet(space, Skeleton(channels=4, cells=1), SPEC, seed=3)
    networks = [inherit_network(supernet, cell, Skeleton(channels=4, cells=1), SPEC).eval() for cell in (told, plain)]
    images = next(stripes(4, 0).eval_batches(4)).inputs
    assert torch.equal(networks[0](images), networks[1](images))


@given(space=spaces(), cell=strategies.graphs(max_nodes=5))
@settings(max_examples=200)
def test_any_other_cell_is_refused(space: SearchSpace, cell: CellGraph) -> None:
    """Either the cell comes back, or the search space cannot hold it and says so, before an alpha is changed."""
    alphas = Alphas(space, torch.Generator().manual_seed(0))
    before = [alpha.clone() for alpha in alphas.parameters()]
    try:
        warm_start(alphas, cell)
    except GraphError:
        assert all(torch.equal(a, b) for a, b in zip(before, alphas.parameters(), strict=True))
        return
    assert derive(alphas) == cell


FITTING = CellNode((Edge(0, "sep_conv_3", "relu"), Edge(1, "identity")))
SPACE = SearchSpace(("none", "identity", "sep_conv_3"), ("identity", "relu"), nodes=1)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (CellGraph(1, (CellNode((Edge(0, "identity"),)),)), "the cell has 1 inputs, the search space 2"),
        (CellGraph(2, (FITTING,), "concat"), "output"),
        (CellGraph(2, (FITTING, FITTING)), "the cell has 2 nodes, the search space 1"),
        (CellGraph(2, (CellNode((Edge(0, "identity"),)),)), r"node 0 reads the states \[0\], a derived node reads 2"),
        (CellGraph(2, (CellNode((Edge(1, "identity"), Edge(1, "sep_conv_3"))),)), r"reads the states \[1, 1\]"),
        (
            CellGraph(2, (CellNode((FITTING.edges[0], Edge(1, "identity", gated=True))),)),
            "node 0: got a gated edge, allowed: edges without gates",
        ),
        (CellGraph(2, (CellNode(FITTING.edges, "mul"),)), "node 0: aggregation 'mul' is not among add"),
        (CellGraph(2, (CellNode((Edge(0, "max_pool_3"), Edge(1, "identity"))),)), "node 0: 'max_pool_3' is not among"),
        (CellGraph(2, (CellNode((Edge(0, "identity", "tanh"), Edge(1, "identity"))),)), "node 0: 'identity tanh' is"),
    ],
)
def test_cells_that_the_space_cannot_hold(cell: CellGraph, message: str) -> None:
    warm_start(alphas_of(SPACE), CellGraph(2, (FITTING,)))
    with pytest.raises(GraphError, match=message):
        warm_start(alphas_of(SPACE), cell)


def test_a_start_leaves_the_other_candidates_a_chance() -> None:
    """A quarter to three quarters of an edge's weight: favoured, not decided."""
    wide = SearchSpace(("none", "identity", "sep_conv_1", "sep_conv_3", "sep_conv_5", "max_pool_3"), nodes=1)
    weights = warm_start(alphas_of(wide), CellGraph(2, (FITTING,)))().candidates
    assert 0.2 < weights.max() < 0.75


# --- the derived network with the supernet's weights -------------------------------------------------------------


@pytest.mark.parametrize("skeleton", [
    Skeleton(channels=8, cells=2, reduce_after=(1,)),
    Skeleton(channels=8, cells=3, norm="layer", head_pool="mean_max"),
], ids=["batch", "layer"])  # fmt: skip
@pytest.mark.parametrize("aggregation", ["add", "mul"])
@pytest.mark.parametrize("output", ["last", "concat"])
@pytest.mark.parametrize("num_inputs", [1, 2])
def test_the_inherited_network_is_the_supernet_once_the_alphas_have_decided(
    num_inputs: int, output: str, aggregation: str, skeleton: Skeleton
) -> None:
    """With one node, which keeps all edges that it has, nothing is lost by deriving."""
    space = SearchSpace(("none", "identity", "sep_conv_3", "dil_conv_3"), aggregations=(aggregation,), nodes=1,
                        num_inputs=num_inputs, output=output)  # fmt: skip
    chosen = (Edge(0, "sep_conv_3", "relu"), Edge(1, "dil_conv_3"))[:num_inputs]
    cell = CellGraph(num_inputs, (CellNode(chosen, aggregation),), output)
    supernet = build_supernet(space, skeleton, SPEC, seed=3)
    warm_start(supernet.alphas, cell, lead=60.0)
    images = next(stripes(40, 0).eval_batches(40)).inputs
    for _ in range(3):  # running statistics other than those of a new network
        supernet(images)
    supernet.eval()
    network = inherit_network(supernet, cell, skeleton, SPEC).eval()
    torch.testing.assert_close(network(images), supernet(images), rtol=1e-4, atol=1e-4)
    fresh = build_network(Architecture(cell, skeleton), SPEC, seed=9).eval()
    assert not torch.allclose(network(images), fresh(images), atol=1e-2)


@pytest.mark.parametrize("output", ["last", "concat"])
def test_the_inherited_network_takes_the_weights_of_the_edges_that_were_kept(output: str) -> None:
    """With several nodes: `none` decides all edges that are not kept, so again nothing is lost."""
    space = SearchSpace(("none", "identity", "sep_conv_3", "dil_conv_3"), nodes=3, num_inputs=2, output=output)
    nodes = (
        CellNode((Edge(1, "sep_conv_3", "relu"), Edge(0, "dil_conv_3"))),
        CellNode((Edge(2, "sep_conv_3"), Edge(0, "identity", "relu"))),
        CellNode((Edge(3, "dil_conv_3", "relu"), Edge(1, "sep_conv_3"))),
    )
    cell, skeleton = CellGraph(2, nodes, output), Skeleton(channels=8, cells=2, reduce_after=(1,))
    supernet = build_supernet(space, skeleton, SPEC, seed=3)
    warm_start(supernet.alphas, cell, lead=60.0)
    kept = {(index, edge.source) for index, node in enumerate(nodes) for edge in node.edges}
    with torch.no_grad():
        for number, place in enumerate(space.edges):
            if place not in kept:
                supernet.alphas.candidates[0, number, 0] = 120.0  # `none` is the first candidate
    images = next(stripes(40, 0).eval_batches(40)).inputs
    for _ in range(3):
        supernet(images)
    supernet.eval()
    network = inherit_network(supernet, cell, skeleton, SPEC).eval()
    torch.testing.assert_close(network(images), supernet(images), rtol=1e-4, atol=1e-4)


def test_an_inherited_network_owns_its_weights() -> None:
    cell, skeleton = CellGraph(2, (FITTING,)), Skeleton(channels=8, cells=1)
    supernet = build_supernet(SPACE, skeleton, SPEC, seed=0)
    network = inherit_network(supernet, cell, skeleton, SPEC)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
    again = inherit_network(supernet, cell, skeleton, SPEC)
    assert not any(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))


def test_partial_channels_leave_nothing_to_inherit() -> None:
    skeleton = Skeleton(channels=8, cells=1)
    supernet = build_supernet(SPACE, skeleton, SPEC, seed=0, partial_channels=2)
    with pytest.raises(GraphError, match="a supernet of partial channels has no weights that fit"):
        inherit_network(supernet, CellGraph(2, (FITTING,)), skeleton, SPEC)
