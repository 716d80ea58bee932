"""What a network costs: counted against sums made by hand."""

from __future__ import annotations

import pytest

from neat_deep.data import DataSpec
from neat_deep.networks.cost import count_macs, count_parameters
from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge

IMAGES = DataSpec("toy", 2, 3, ("a", "b", "c"), (1, 9, 7), (0.5,), (0.5,))
TOKENS = DataSpec("words", 1, 2, ("a", "b"), (12,), (), (), vocabulary=20)


def test_counts_match_hand_computation() -> None:
    cell = CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),)),))
    network = build_network(Architecture(cell, Skeleton(channels=4, cells=1)), IMAGES, seed=0)
    assert count_parameters(network) == (9 * 4 + 8) + (9 * 4 + 4 * 4 + 8) + (4 * 3 + 3)
    assert count_macs(network, IMAGES) == 63 * (9 * 4) + 63 * (9 * 4 + 4 * 4) + 4 * 3


@pytest.mark.parametrize("op", ["avg_pool_3", "avg_pool_5", "max_pool_3", "identity"])
@pytest.mark.parametrize("data", [IMAGES, TOKENS], ids=["images", "texts"])
def test_pools_multiply_nothing(op: str, data: DataSpec) -> None:
    def macs(name: str) -> int:
        cell = CellGraph(1, (CellNode((Edge(0, name),)),))
        return count_macs(build_network(Architecture(cell, Skeleton(rank=data.rank)), data, seed=0), data)

    assert macs(op) == macs("identity")


def test_a_gate_is_one_weight_and_its_op_is_counted_even_while_it_is_shut() -> None:
    def costs(*edges: Edge, gated_cells: tuple[int, ...] = ()) -> tuple[int, int]:
        architecture = Architecture(
            CellGraph(1, (CellNode(edges),)), Skeleton(channels=4, cells=2, gated_cells=gated_cells)
        )
        network = build_network(architecture, IMAGES, seed=0)
        return count_parameters(network), count_macs(network, IMAGES)

    parameters, macs = costs(Edge(0, "identity"), Edge(0, "sep_conv_3"))
    assert costs(Edge(0, "identity"), Edge(0, "sep_conv_3", gated=True)) == (parameters + 2, macs)  # in both cells
    assert costs(Edge(0, "identity"), Edge(0, "sep_conv_3"), gated_cells=(1,)) == (parameters + 1, macs)


def test_attention_counts_its_products() -> None:
    cell = CellGraph(1, (CellNode((Edge(0, "attention"),)),))
    network = build_network(Architecture(cell, Skeleton(rank=1, channels=16, cells=1)), TOKENS, seed=0)
    assert count_macs(network, TOKENS) == 12 * 16 * (3 * 16 + 16) + 2 * 12 * 12 * 16 + 16 * 2


@pytest.mark.parametrize(
    ("op", "macs"),
    [
        ("conv_3", 16 * 16 * 3 * 9),
        ("conv_5", 16 * 16 * 5 * 9),
        ("gated_conv_3", 16 * 32 * 3 * 9),
        ("gru", 2 * 3 * 8 * (16 + 8) * 9),  # two directions, three gates, from the input and from the states
    ],
)
def test_macs_of_the_ops_for_texts_are_those_of_their_formulas(op: str, macs: int) -> None:
    texts = DataSpec("toy", 1, 2, ("a", "b"), (9,), (), (), vocabulary=50)

    def count(name: str) -> int:
        cell = CellGraph(1, (CellNode((Edge(0, name),)),))
        return count_macs(
            build_network(Architecture(cell, Skeleton(rank=1, channels=16, cells=1)), texts, seed=0), texts
        )

    assert count(op) - count("identity") == macs
