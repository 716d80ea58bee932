"""Cells: what they compute, whatever tensors they overwrite on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from neat_deep.base.registry import registration_scope
from neat_deep.networks.cell import Cell
from neat_deep.ops import ACTIVATIONS, FeatureSpec, get_activation, get_aggregation, register_op
from neat_deep.ops.convolution import SeparableConv
from neat_deep.ops.pointwise import add_to_first, add_to_second
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from tests.support.random_cells import graphs

CHANNELS = 4


def test_cell_computes_its_formula() -> None:
    graph = CellGraph(
        2,
        (
            CellNode((Edge(0, "sep_conv_3", "tanh"), Edge(1, "identity", "relu")), "mul"),
            CellNode((Edge(2, "avg_pool_3", "sigmoid"), Edge(1, "max_pool_3")), "add"),
        ),
    )
    cell = Cell(graph, FeatureSpec(2, CHANNELS)).eval()
    a, b = torch.randn(2, CHANNELS, 6, 6), torch.randn(2, CHANNELS, 6, 6)
    node_0 = torch.tanh(cell.ops[0](a)) * torch.relu(b)
    node_1 = torch.sigmoid(cell.ops[2](node_0)) + cell.ops[3](b)
    torch.testing.assert_close(cell([a, b]), node_1)


def test_a_slot_that_is_off_is_absent_and_not_zero() -> None:
    cell = Cell(CellGraph(1, (CellNode((Edge(0, "identity", "relu"),), "mul"),)), FeatureSpec(2, CHANNELS))
    x = torch.randn(2, CHANNELS, 5, 5)
    assert torch.equal(cell([x]), torch.relu(x))


def test_concatenated_nodes_are_projected_back() -> None:
    nodes = (CellNode((Edge(0, "sep_conv_3", "relu"),)), CellNode((Edge(1, "identity"), Edge(0, "max_pool_3"))))
    cell = Cell(CellGraph(1, nodes, "concat"), FeatureSpec(2, CHANNELS))
    assert cell([torch.randn(2, CHANNELS, 5, 5)]).shape == (2, CHANNELS, 5, 5)


@given(graphs(), st.data())
@settings(max_examples=150, deadline=None)
def test_any_cell_computes_its_formula_and_its_gradients(graph: CellGraph, data: st.DataObject) -> None:
    graph = with_activations(graph, data)
    rank, training = data.draw(st.sampled_from((1, 2))), data.draw(st.booleans())
    norm = data.draw(st.sampled_from(("batch", "layer")))
    torch.manual_seed(0)
    cell = Cell(graph, FeatureSpec(rank, CHANNELS, norm)).train(training)
    inputs = [torch.randn(2, CHANNELS, *(5, 5)[:rank], requires_grad=True) for _ in range(graph.num_inputs)]
    if data.draw(st.booleans()):
        inputs = inputs[:1] * len(inputs)  # as a network's first cell reads the stem
    kept = [x.detach().clone() for x in inputs]
    found, expected = cell(inputs), by_the_formula(cell, graph, inputs)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    assert all(torch.equal(x, before) for x, before in zip(inputs, kept, strict=True))
    by_found, by_expected = (gradients(out, [*inputs, *cell.parameters()]) for out in (found, expected))
    for one, other in zip(by_found, by_expected, strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)  # products of products may overflow


class ReturnsItsInput(SeparableConv):
    """An op that ends in no normalisation, whatever its class says."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x


class ReturnsSigmoid(SeparableConv):
    """An op whose own backward pass reads its output."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return torch.sigmoid(super().forward(x, mask))


@pytest.mark.parametrize("kind", [ReturnsItsInput, ReturnsSigmoid])
def test_an_op_of_ones_own_is_not_overwritten(kind: type[SeparableConv]) -> None:
    graph = CellGraph(1, (CellNode((Edge(0, "own", "relu"), Edge(0, "identity"))),))
    with registration_scope():
        register_op("own", ranks={2}, parametric=True)(lambda spec: kind(spec, 3))
        cell = Cell(graph, FeatureSpec(2, CHANNELS))
    x = torch.randn(2, CHANNELS, 5, 5, requires_grad=True)
    found, expected = cell([x]), by_the_formula(cell, graph, [x])
    assert torch.equal(found, expected)
    torch.testing.assert_close(gradients(found, [x]), gradients(expected, [x]))


def test_a_sum_of_two_precisions_keeps_the_greater() -> None:
    narrow, wide = torch.ones(2, dtype=torch.bfloat16), torch.full((2,), 0.001)
    for add in (add_to_first, add_to_second):
        assert add(narrow, wide).dtype == add(wide, narrow).dtype == torch.float32
        assert torch.equal(add(narrow.clone(), wide), narrow + wide)


def with_activations(graph: CellGraph, data: st.DataObject) -> CellGraph:
    """The graph with any of the registered activations on its edges."""

    def draw(edge: Edge) -> Edge:
        return replace(edge, activation=data.draw(st.sampled_from(sorted(ACTIVATIONS))))

    return replace(graph, nodes=tuple(replace(n, edges=tuple(draw(e) for e in n.edges)) for n in graph.nodes))


def by_the_formula(cell: Cell, graph: CellGraph, inputs: list[Tensor]) -> Tensor:
    """What the docstring of `Cell` says, with the cell's own ops, and not a tensor overwritten."""
    states, ops = list(inputs), iter(cell.ops)
    for node in graph.nodes:
        values = [get_activation(edge.activation)(next(ops)(states[edge.source])) for edge in node.edges]
        states.append(values[0] if len(values) == 1 else get_aggregation(node.aggregation)(*values))
    return states[-1] if cell.projection is None else cell.projection(torch.cat(states[len(inputs) :], dim=1))


def gradients(out: Tensor, by: list[Tensor]) -> tuple[Tensor | None, ...]:
    return torch.autograd.grad(out.square().sum(), by, retain_graph=True, allow_unused=True)
