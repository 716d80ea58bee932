"""Networks: what a cell computes, what a skeleton stacks, and how both are seeded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from neat_deep.base.errors import ArchitectureError, UnknownNameError
from neat_deep.data import DataSpec
from neat_deep.networks.cost import count_macs, count_parameters
from neat_deep.networks.network import Network, build_network, wants_positions
from neat_deep.networks.parts import SequenceStem
from neat_deep.ops import list_ops
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from tests.support.random_cells import graphs

IMAGES = DataSpec("toy", 2, 3, ("a", "b", "c"), (1, 9, 7), (0.5,), (0.5,))
TOKENS = DataSpec("words", 1, 2, ("a", "b"), (12,), (), (), vocabulary=20)
CELL = CellGraph(
    1, (CellNode((Edge(0, "sep_conv_3", "relu"),)), CellNode((Edge(1, "identity"), Edge(0, "max_pool_3"))))
)


def images(count: int = 4) -> torch.Tensor:
    torch.manual_seed(3)
    return torch.randn(count, *IMAGES.shape)


SKELETONS = (
    Skeleton(channels=4, cells=1),
    Skeleton(channels=4, cells=2, reduce_after=(1,)),
    Skeleton(channels=4, cells=3, reduce_after=(0, 2, 3), head_pool="mean_max"),
    Skeleton(channels=4, cells=4, reduce_after=(4,), norm="layer"),
)


@given(graphs(max_nodes=4), st.sampled_from(SKELETONS), st.sampled_from([1, 2]))
@settings(max_examples=80, deadline=None)
def test_any_graph_builds_and_every_counted_weight_learns(graph: CellGraph, skeleton: Skeleton, rank: int) -> None:
    """Whatever the cell reads: nothing is built, or counted, that the output does not depend on."""
    data, inputs = (IMAGES, images()) if rank == 2 else (TOKENS, torch.randint(1, 20, (4, 12)))
    network = build_network(Architecture(graph, replace(skeleton, rank=rank)), data, seed=0)
    logits = network(inputs)
    assert logits.shape == (4, data.num_classes)
    logits.square().sum().backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None] == []
    assert count_parameters(network) == sum(w.grad.numel() for w in network.parameters() if w.grad is not None)


READS = {
    "older": CellGraph(2, (CellNode((Edge(0, "sep_conv_3"),)),)),
    "newer": CellGraph(2, (CellNode((Edge(1, "sep_conv_3"),)),)),
    "both": CellGraph(2, (CellNode((Edge(0, "sep_conv_3"), Edge(1, "identity"))),)),
}


@pytest.mark.parametrize(
    ("cell", "cells", "reduced"),
    [
        # three cells, a reduction of the stem, one before the last cell, one before the head
        ("older", ["0", "2"], {"0": 1, "2": 1, "3": 1}),  # cell 2 reads cell 0: nobody reads cell 1
        ("newer", ["0", "1", "2"], {"0": 1, "2": 1, "3": 1}),
        ("both", ["0", "1", "2"], {"0": 2, "2": 2, "3": 1}),
    ],
)
def test_only_what_is_read_is_built(cell: str, cells: list[str], reduced: dict[str, int]) -> None:
    skeleton = Skeleton(channels=4, cells=3, reduce_after=(0, 2, 3))
    network = build_network(Architecture(READS[cell], skeleton), IMAGES, seed=0)
    assert list(network.cells) == cells
    assert {after: len(states.branches) for after, states in network.reductions.items()} == reduced  # type: ignore[arg-type, union-attr]


def test_a_cell_that_reads_the_previous_one_costs_as_much_with_one_input_as_with_two() -> None:
    alone = CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),)),))
    one, two = (
        build_network(Architecture(cell, Skeleton(cells=4, reduce_after=(1, 2))), IMAGES, seed=0)
        for cell in (alone, READS["newer"])
    )
    assert count_parameters(one) == count_parameters(two)
    assert count_macs(one, IMAGES) == count_macs(two, IMAGES)
    assert torch.equal(one(images()), two(images()))


def test_equal_digests_mean_equal_networks() -> None:
    swapped = CellGraph(
        1,
        (
            CellNode((Edge(0, "identity"),)),
            CellNode((Edge(1, "sep_conv_3", "relu"),)),
            CellNode((Edge(0, "max_pool_3"), Edge(2, "identity"))),
        ),
    )
    assert swapped.digest() == CELL.digest()
    one, other = (build_network(Architecture(g, Skeleton(channels=4)), IMAGES, seed=5) for g in (CELL, swapped))
    assert torch.equal(one(images()), other(images()))


def test_seed_decides_the_weights_and_nothing_else_is_disturbed() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first = build_network(Architecture(CELL), IMAGES, seed=1)
    assert torch.equal(torch.rand(3), expected)
    again = build_network(Architecture(CELL), IMAGES, seed=1)
    other = build_network(Architecture(CELL), IMAGES, seed=2)
    assert torch.equal(first(images()), again(images()))
    assert not torch.equal(first(images()), other(images()))


def record_shapes(network: Network, *inputs: torch.Tensor) -> list[tuple[int, ...]]:
    shapes: list[tuple[int, ...]] = []

    def hook(module: nn.Module, args: object, out: torch.Tensor) -> None:
        shapes.append(tuple(out.shape[1:]))

    for cell in network.cells.values():
        cell.register_forward_hook(hook)
    network(*inputs)
    return shapes


def test_reductions_halve_and_widen() -> None:
    skeleton = Skeleton(channels=4, cells=3, reduce_after=(1, 2, 3))
    network = build_network(Architecture(CELL, skeleton), IMAGES, seed=0)
    assert record_shapes(network, images()) == [(4, 9, 7), (8, 5, 4), (16, 3, 2)]
    assert network.head.linear.in_features == 32  # type: ignore[union-attr]


def test_two_inputs_are_the_previous_two_cells() -> None:
    # The cell hands its older input on: after k cells the output is that of k - 1 cells before, so with an even
    # number of steps back everything reduces to the stem.
    older = CellGraph(2, (CellNode((Edge(0, "identity"),)),))
    network = build_network(Architecture(older, Skeleton(channels=4, cells=3)), IMAGES, seed=0).eval()
    stem = network.stem(images())
    expected = network.head(stem)
    torch.testing.assert_close(network(images()), expected)
    newer = CellGraph(2, (CellNode((Edge(1, "identity", "relu"), Edge(1, "identity", "relu"))),))
    doubling = build_network(Architecture(newer, Skeleton(channels=4, cells=2)), IMAGES, seed=0).eval()
    torch.testing.assert_close(doubling(images()), doubling.head(4 * torch.relu(doubling.stem(images()))))


def test_two_inputs_survive_reductions() -> None:
    cell = CellGraph(2, (CellNode((Edge(0, "sep_conv_3"), Edge(1, "identity"))),))
    network = build_network(Architecture(cell, Skeleton(channels=4, cells=3, reduce_after=(0, 2, 3))), IMAGES, seed=0)
    assert network(images()).shape == (4, 3)


@pytest.mark.parametrize("pool", ["mean", "mean_max"])
@pytest.mark.parametrize("reduce_after", [(), (1,), (0, 2)])
def test_sequences_do_not_feel_their_padding(pool: str, reduce_after: tuple[int, ...]) -> None:
    cell = CellGraph(
        1,
        (
            CellNode((Edge(0, "attention"), Edge(0, "dil_conv_3", "relu"))),
            CellNode((Edge(1, "max_pool_3"), Edge(0, "avg_pool_5"))),
        ),
    )
    skeleton = Skeleton(rank=1, channels=16, cells=2, reduce_after=reduce_after, growth=1.0, head_pool=pool)
    network = build_network(Architecture(cell, skeleton), TOKENS, seed=0)
    tokens = torch.randint(1, 20, (3, 8))
    mask = torch.arange(8) < torch.tensor([8, 5, 2])[:, None]
    wide_tokens = torch.cat([tokens, torch.full((3, 4), 7)], dim=1)
    wide_mask = torch.cat([mask, torch.zeros(3, 4, dtype=torch.bool)], dim=1)
    for training in (False, True):
        network.train(training)
        torch.testing.assert_close(network(wide_tokens, wide_mask), network(tokens, mask), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("pool", ["mean", "mean_max"])
@pytest.mark.parametrize("op", list_ops(rank=1))
def test_a_sequence_without_a_single_token_has_finite_logits_and_gradients(op: str, pool: str) -> None:
    cell = CellGraph(1, (CellNode((Edge(0, op, "relu"),)),))
    skeleton = Skeleton(rank=1, channels=16, cells=2, reduce_after=(1,), head_pool=pool)
    network = build_network(Architecture(cell, skeleton), TOKENS, seed=0)
    mask = torch.arange(8) < torch.tensor([8, 0, 3])[:, None]
    for training in (False, True):
        logits = network.train(training)(torch.randint(1, 20, (3, 8)), mask)
        assert torch.equal(logits[1], network.head.linear.bias)  # type: ignore[union-attr]
        logits.square().sum().backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def text_network(op: str = "sep_conv_3", *, data: DataSpec = TOKENS, **skeleton: Any) -> Network:
    cell = CellGraph(1, (CellNode((Edge(0, op), Edge(0, "identity"))),))
    return build_network(Architecture(cell, Skeleton(rank=1, channels=8, cells=1, **skeleton)), data, seed=0)


def test_reductions_halve_the_length() -> None:
    network = text_network(reduce_after=(0, 1), growth=1.0)
    network.cells["0"].register_forward_hook(lambda module, inputs, out: shapes.append(tuple(out.shape)))
    shapes: list[tuple[int, ...]] = []
    network(torch.ones(2, 11, dtype=torch.long), torch.ones(2, 11, dtype=torch.bool))
    assert shapes == [(2, 8, 6)]


def stem_of(network: Network) -> SequenceStem:
    assert isinstance(network.stem, SequenceStem)
    return network.stem


@pytest.mark.parametrize(
    ("op", "setting", "expected"),
    [
        ("attention", "auto", True),
        ("sep_conv_3", "auto", False),
        ("sep_conv_3", "always", True),
        ("attention", "never", False),
    ],
)
def test_positions_come_where_they_are_needed(op: str, setting: str, expected: bool) -> None:
    assert (stem_of(text_network(op, positions=setting)).positions is not None) == expected
    skeleton = Skeleton(rank=1, positions=setting)
    assert wants_positions(skeleton, [op, "none"]) == expected
    assert not wants_positions(Skeleton(rank=2, positions=setting), [op])


def test_attention_tells_orders_apart_by_its_positions() -> None:
    network = text_network("attention").eval()
    tokens = torch.tensor([[4, 9, 2, 7]])
    torch.testing.assert_close(network(tokens.flip(1)), network(tokens))  # before training they are all zero
    nn.init.normal_(stem_of(network).positions.weight)  # type: ignore[union-attr]
    assert not torch.allclose(network(tokens.flip(1)), network(tokens))


def test_positions_beyond_every_training_text_are_the_last_one() -> None:
    network = text_network("attention").eval()
    nn.init.normal_(stem_of(network).positions.weight)  # type: ignore[union-attr]
    long = torch.full((1, TOKENS.shape[0] + 5), 3)
    features = stem_of(network)(long)
    assert torch.equal(features[..., TOKENS.shape[0] - 1 :], features[..., -1:].expand(-1, -1, 6))


def test_embedding_dropout_works_in_training_only() -> None:
    stem = stem_of(text_network(embedding_dropout=0.5))
    tokens = torch.arange(12).expand(20, 12)
    assert (stem.eval()(tokens) == 0).float().mean() == 0
    assert (stem.train()(tokens) == 0).float().mean().item() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("width", [8, 5])
def test_an_embedding_starts_from_word_vectors(width: int) -> None:
    data = replace(TOKENS, vector_size=width)
    vectors = torch.randn(TOKENS.vocabulary, width)
    cell = CellGraph(1, (CellNode((Edge(0, "identity", "relu"),)),))
    network = build_network(Architecture(cell, Skeleton(rank=1, channels=8)), data, seed=0, vectors=vectors)
    stem = stem_of(network)
    assert torch.equal(stem.embedding.weight, vectors)
    assert (stem.project is None) == (width == 8)
    network(torch.tensor([[3, 4]])).sum().backward()
    assert stem.embedding.weight.grad is not None  # they are trained on


def test_vectors_must_fit() -> None:
    with pytest.raises(ArchitectureError, match=r"vectors: got shape \(3, 8\), allowed: \(20, 16\)"):
        build_network(Architecture(CELL, Skeleton(rank=1)), TOKENS, seed=0, vectors=torch.ones(3, 8))
    with pytest.raises(ArchitectureError, match=r"vectors: got shape \(3, 8\), allowed: none, for images"):
        build_network(Architecture(CELL), IMAGES, seed=0, vectors=torch.ones(3, 8))


def test_channels_last_changes_only_rounding() -> None:
    network = build_network(Architecture(CELL), IMAGES, seed=0).eval()
    plain = network(images())
    fast = network.to(memory_format=torch.channels_last)(images().contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("op", list_ops(2))
def test_a_prediction_before_does_not_stop_the_training(op: str) -> None:
    cell = CellGraph(1, (CellNode((Edge(0, op),)),))
    network = build_network(Architecture(cell, Skeleton(channels=5, cells=1)), IMAGES, seed=0)
    with torch.inference_mode():
        network(images())
    network(images()).sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(
        ArchitectureError, match="architecture is for rank 1 .sequences., the data set 'toy' has rank 2"
    ):
        build_network(Architecture(CELL, Skeleton(rank=1)), IMAGES, seed=0)
    with pytest.raises(ArchitectureError, match="op 'attention' does not support images"):
        build_network(Architecture(CellGraph(1, (CellNode((Edge(0, "attention"),)),))), IMAGES, seed=0)
    with pytest.raises(UnknownNameError, match="unknown op 'sepconv'"):
        build_network(Architecture(CellGraph(1, (CellNode((Edge(0, "sepconv"),)),))), IMAGES, seed=0)
