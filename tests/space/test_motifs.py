"""Cells with motifs: what they compute, one name for equal networks, JSON, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neat_deep.base.errors import ArchitectureError, GraphError
from neat_deep.data import DataSpec
from neat_deep.networks.cell import Cell
from neat_deep.networks.cost import count_macs, count_parameters
from neat_deep.networks.network import build_as_ordered, build_network
from neat_deep.ops import FeatureSpec
from neat_deep.scoring.inheritance import Ancestor, plan_inheritance
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge, Motif
from tests.support.motif_cells import cells_with_motifs

POOLED = Motif("pooled", (CellNode((Edge(0, "sep_conv_3", "relu"),), key=0), CellNode((Edge(1, "max_pool_3"),), key=1)))
RESIDUAL = Motif("residual", (CellNode((Edge(0, "pooled", "relu"), Edge(0, "identity")), "add", 0),))
CELL = CellGraph(
    1,
    (
        CellNode((Edge(0, "residual"), Edge(0, "sep_conv_1")), "mul", 3),
        CellNode((Edge(1, "pooled", "relu"),), "add", 0),
    ),
    motifs=(POOLED, RESIDUAL),
)
BY_HAND = CellGraph(
    1,
    (
        CellNode((Edge(0, "sep_conv_3", "relu"),)),  # the pooled of the residual
        CellNode((Edge(1, "max_pool_3", "relu"), Edge(0, "identity"))),
        CellNode((Edge(2, "identity"), Edge(0, "sep_conv_1")), "mul"),
        CellNode((Edge(3, "sep_conv_3", "relu"),)),
        CellNode((Edge(4, "max_pool_3", "relu"),)),
    ),
)
DATA = DataSpec("any", 2, 3, ("a", "b", "c"), (1, 8, 8), (0.5,), (0.2,))


def renamed(cell: CellGraph, names: dict[str, str]) -> CellGraph:
    """The cell with its motifs called otherwise, in another order."""

    def nodes(given_: tuple[CellNode, ...]) -> tuple[CellNode, ...]:
        edges = [tuple(replace(e, op=names.get(e.op, e.op)) for e in n.edges) for n in given_]
        return tuple(replace(n, edges=own, key=n.key + 7) for n, own in zip(given_, edges, strict=True))

    motifs = tuple(Motif(names[m.name], nodes(m.nodes)) for m in reversed(cell.motifs))
    return replace(cell, nodes=nodes(cell.nodes), motifs=motifs)


def test_a_motif_stands_for_its_nodes() -> None:
    assert CELL.digest() == BY_HAND.digest()
    assert CELL.canonical() == BY_HAND.canonical()
    assert not CELL.flat().motifs and CELL.flat().digest() == CELL.digest()
    assert BY_HAND.flat() is BY_HAND


@given(cells_with_motifs())
@settings(max_examples=20, deadline=None)
def test_equal_networks_have_one_digest(cell: CellGraph) -> None:
    names = {motif.name: f"other_{number}" for number, motif in enumerate(cell.motifs)}
    unused = Motif("unused", (CellNode((Edge(0, "identity", "relu"),)),))
    for other in (
        cell.flat(),
        cell.canonical(),
        cell.prune(),
        renamed(cell, names),
        replace(cell, motifs=(unused, *cell.motifs)),
    ):
        assert other.digest() == cell.digest()
    assert cell.used_inputs() == cell.flat().used_inputs()
    assert [motif.name for motif in replace(cell, motifs=(unused, *cell.motifs)).prune().motifs] == [
        motif.name for motif in cell.prune().motifs
    ]


def nested_value(cell: CellGraph, inputs: list[torch.Tensor], ops: dict[str, Any]) -> torch.Tensor:
    """What a cell computes, motif by motif, where every op of a name is one function."""
    motifs = {motif.name: motif for motif in cell.motifs}

    def run(nodes: tuple[CellNode, ...], states: list[torch.Tensor]) -> torch.Tensor:
        for node in nodes:
            values = []
            for edge in node.edges:
                source = states[edge.source]
                value = run(motifs[edge.op].nodes, [source]) if edge.op in motifs else ops[edge.op](source)
                values.append(torch.relu(value) if edge.activation == "relu" else value)
            if len(values) == 2:
                values = [values[0] + values[1] if node.aggregation == "add" else values[0] * values[1]]
            states = [*states, values[0]]
        return states[-1]

    return run(cell.nodes, inputs)


@given(cells_with_motifs(), st.integers(0, 1000))
@settings(max_examples=12, deadline=None)
def test_what_is_built_computes_what_the_motifs_say(cell: CellGraph, seed: int) -> None:
    """With ops that have no weights, so that motifs that stand in several places compute the same in each."""
    kinds = {"identity": "identity", "sep_conv_3": "avg_pool_3", "max_pool_3": "max_pool_3"}
    nodes = [cell.nodes, *(motif.nodes for motif in cell.motifs)]
    plain = [
        tuple(replace(n, edges=tuple(replace(e, op=kinds.get(e.op, e.op)) for e in n.edges)) for n in part)
        for part in nodes
    ]
    motifs = tuple(Motif(m.name, part) for m, part in zip(cell.motifs, plain[1:], strict=True))
    cell = replace(cell, nodes=plain[0], motifs=motifs)
    torch.manual_seed(seed)
    inputs = [torch.rand(1, 2, 5, 5, dtype=torch.float64) for _ in range(cell.num_inputs)]
    built = Cell(cell.canonical(), FeatureSpec(2, 2)).double().eval()
    pools = {
        "identity": lambda x: x,
        "avg_pool_3": torch.nn.AvgPool2d(3, 1, 1, count_include_pad=False),
        "max_pool_3": torch.nn.MaxPool2d(3, 1, 1),
    }
    with torch.no_grad():
        torch.testing.assert_close(built(inputs), nested_value(cell, inputs, pools), rtol=1e-9, atol=1e-12)


def test_each_place_of_a_motif_has_weights_and_costs_of_its_own() -> None:
    skeleton = Skeleton(channels=4, cells=2, reduce_after=(1,))
    by_motifs, by_hand = (Architecture(cell, skeleton) for cell in (CELL, BY_HAND))
    first, second = (build_network(architecture, DATA, seed=3) for architecture in (by_motifs, by_hand))
    assert count_parameters(first) == count_parameters(second)
    assert count_macs(first, DATA) == count_macs(second, DATA) > 0
    for (name, one), (other, two) in zip(first.state_dict().items(), second.state_dict().items(), strict=True):
        assert name == other and torch.equal(one, two)  # equal digests: equal seeds, equal networks
    assert build_as_ordered(by_motifs, DATA, seed=3)(torch.zeros(1, 1, 8, 8)).shape == (1, 3)


def test_a_child_inherits_what_stands_in_the_same_motif_at_the_same_place() -> None:
    first, second = CELL.nodes
    child = replace(CELL, nodes=(first, replace(second, edges=(replace(second.edges[0], source=0),))))
    for changed, lost in ((CELL, set()), (child, set()), (replace(CELL, nodes=(first, MORE)), {"new"})):
        pieces = plan_inheritance(changed.canonical(), [Ancestor("key", 0, CELL.canonical())])
        ops = [e.op for n in changed.canonical().nodes for e in n.edges]
        with_weights = sum(op.startswith("sep_conv") for op in ops)
        assert len(pieces) - 1 == min(with_weights, 3) - len(lost)


MORE = CellNode((Edge(1, "pooled", "relu"), Edge(0, "residual")), "add", 9)  # another node: its motifs are new


@given(cells_with_motifs(), st.booleans())
@settings(max_examples=12, deadline=None)
def test_an_architecture_with_motifs_comes_back_from_json(cell: CellGraph, gated: bool) -> None:
    architecture = Architecture(cell, Skeleton(cells=2, gated_cells=(1,) if gated else ()))
    assert json.loads(architecture.to_json())["version"] == 4
    again = Architecture.from_json(architecture.to_json())
    assert again == architecture and again.digest() == architecture.digest()
    kept = [[node.key for node in part.nodes] for part in (cell, *cell.motifs)]
    assert [[node.key for node in part.nodes] for part in (again.cell, *again.cell.motifs)] == kept


def test_what_is_kept_of_an_architecture_has_the_motifs_that_it_uses() -> None:
    more = replace(CELL, motifs=(*CELL.motifs, Motif("unused", POOLED.nodes)))
    assert Architecture(more).tidy() == Architecture(CELL)
    assert Architecture(BY_HAND).tidy().cell == BY_HAND.canonical()
    assert Architecture(replace(BY_HAND, motifs=CELL.motifs)).tidy().cell == BY_HAND.canonical()


def test_versions_of_before_hold_no_motifs() -> None:
    document = json.loads(Architecture(CELL).to_json())
    document["version"] = 3
    document["skeleton"]["gated_cells"] = []
    with pytest.raises(ArchitectureError, match="cell: got motifs in version 3, allowed: since version 4"):
        Architecture.from_json(json.dumps(document))


def chain(name: str, *ops: str) -> Motif:
    return Motif(name, tuple(CellNode((Edge(index, op),)) for index, op in enumerate(ops)))


DOUBLING = tuple(
    Motif(f"m{level}", (CellNode((Edge(0, f"m{level - 1}" if level else "identity"),) * 2),)) for level in range(40)
)


@pytest.mark.parametrize(
    ("op", "motifs", "message"),
    [
        ("a", (chain("a", "a"),), "motif 'a' contains itself: a > a; allowed: ops, and motifs that do not contain it"),
        (
            "sep_conv_3",  # the cell does not even use it
            (chain("a", "identity", "b"), chain("b", "c"), chain("c", "sep_conv_3", "b")),
            "motif 'b' contains itself: b > c > b; allowed",
        ),
        ("a", (chain("a", "b"), chain("b", "c"), chain("c", "a")), "motif 'a' contains itself: a > b > c > a"),
        ("a", (chain("a", "identity"), chain("a", "identity")), "motif 'a': got two of that name, allowed: one"),
        ("a", (chain("none", "identity"),), "motif 'none': got a name that means something else"),
        ("a", (chain("dil_conv_1", "identity"),), "motif 'dil_conv_1': got a name that means something else"),
        ("a", (chain("", "identity"),), "motif '': got a name that means"),
        ("a", (Motif("a", ()),), "motif 'a' needs at least one node, got none"),
        ("a", (chain("a", "none"),), "motif 'a': node 0: op 'none' is no edge; leave the edge out"),
        ("a", (Motif("a", (CellNode((Edge(1, "identity"),)),)),), "motif 'a': node 0: an edge reads state 1, allowed"),
        ("a", tuple(chain(f"a{i}", f"a{i + 1}") for i in range(5000)), "motifs: got 5000, allowed: 64 or fewer"),
        ("m39", DOUBLING, r"the cell has \d+ nodes with its motifs in place, allowed: 192 or fewer"),
    ],
)
def test_motifs_that_make_no_cell_are_refused_in_one_line(op: str, motifs: tuple[Motif, ...], message: str) -> None:
    with pytest.raises(GraphError, match=message) as refusal:
        CellGraph(1, (CellNode((Edge(0, op),)),), motifs=motifs)
    assert "\n" not in str(refusal.value)


def test_a_file_whose_motif_contains_itself_is_refused_by_name(tmp_path) -> None:
    document = json.loads(Architecture(CELL).to_json())
    document["cell"]["motifs"][0]["nodes"][0]["edges"][0]["op"] = "residual"
    path = tmp_path / "circle.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ArchitectureError, match="circle.json: cell: motif 'pooled' contains itself: pooled > re"):
        Architecture.load(path)


def test_a_cell_of_all_nodes_has_no_motifs() -> None:
    with pytest.raises(GraphError, match="output: got 'concat', allowed with motifs: last"):
        replace(CELL, output="concat")


def test_gates_behind_motifs_and_within_them_are_kept() -> None:
    gated = (CellNode((Edge(0, "pooled", gated=True), Edge(0, "identity"))),)
    assert [e.gated for n in CellGraph(1, gated, motifs=(POOLED,)).flat().nodes for e in n.edges] == [
        False,
        True,
        False,
    ]
    within = Motif("within", gated)
    cell = CellGraph(1, (CellNode((Edge(0, "within"),)),), motifs=(POOLED, within))
    assert sum(e.gated for n in cell.flat().nodes for e in n.edges) == 1
    assert json.loads(Architecture(cell).to_json())["version"] == 4


def test_keys_of_placed_nodes_differ() -> None:
    keys = [node.key for node in CELL.flat().nodes]
    assert len(set(keys)) == len(keys) and {0, 3} <= set(keys)
