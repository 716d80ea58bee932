"""A cell as a fixed list of decisions: how many nodes, and then every choice of every node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from neat_deep.space.aggregations import is_commutative
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.space.cell_options import CellOptions
from neat_deep.space.nodes import NONE
from neat_deep.space.points import Decision

PER_NODE = 7  # source, op and activation of each of two inputs, and the aggregation


def cell_decisions(options: CellOptions) -> tuple[Decision, ...]:
    """The decisions that make a cell.

    A node's first input is never switched off. So every choice of values makes a cell, and none is lost: a node of one
    edge has it on its first input.
    """
    decisions = [Decision("nodes", tuple(str(number) for number in range(1, options.nodes + 1)))]
    for node in range(options.nodes):
        first = len(decisions)
        enough_nodes = (0, frozenset(range(node, options.nodes)))
        switched_on = frozenset(i for i, op in enumerate(options.ops) if op != NONE)
        states = tuple(str(state) for state in range(options.num_inputs + node))
        needs_first, needs_second = (enough_nodes,), (enough_nodes, (first + 3, switched_on))
        decisions += [
            Decision(f"node {node} op 1", options.edge_ops, needs_first),
            Decision(f"node {node} source 1", states, needs_first),
            Decision(f"node {node} activation 1", options.activations, needs_first),
            Decision(f"node {node} op 2", options.ops, needs_first),
            Decision(f"node {node} source 2", states, needs_second),
            Decision(f"node {node} activation 2", options.activations, needs_second),
            Decision(f"node {node} aggregation", options.aggregations, needs_second),
        ]
    return tuple(decisions)


def decide_cell(options: CellOptions, values: Sequence[int]) -> CellGraph:
    """The cell that decisions make, without the nodes that its output does not use."""
    if len(values) != 1 + PER_NODE * options.nodes or min(values) < 0:
        raise ValueError(f"decisions: got {values}, allowed: {1 + PER_NODE * options.nodes} of 0 or more")
    nodes = []
    for node in range(values[0] + 1):
        op_1, source_1, act_1, op_2, source_2, act_2, aggregation = values[1 + PER_NODE * node :][:PER_NODE]
        edges = [Edge(source_1, options.edge_ops[op_1], options.activations[act_1])]
        if options.ops[op_2] != NONE:
            edges.append(Edge(source_2, options.ops[op_2], options.activations[act_2]))
        nodes.append(CellNode(tuple(edges), options.aggregations[aggregation], key=node))
    return CellGraph(options.num_inputs, tuple(nodes)).prune()


def cell_values(options: CellOptions, cell: CellGraph) -> tuple[int, ...]:
    """The decisions that make a cell; raises `ValueError` for one that is not of the space."""
    values = [len(cell.nodes) - 1]
    for node in cell.nodes:
        first = node.edges[0]
        values += [options.edge_ops.index(first.op), first.source, options.activations.index(first.activation)]
        if len(node.edges) == 1:
            values += [options.ops.index(NONE), 0, 0, 0]
        else:
            second = node.edges[1]
            values += [options.ops.index(second.op), second.source, options.activations.index(second.activation)]
            values.append(options.aggregations.index(node.aggregation))
    return tuple(values) + (0,) * (PER_NODE * (options.nodes - len(cell.nodes)))


def all_cells(options: CellOptions) -> Iterator[CellGraph]:
    """Every cell that uses all its nodes, the small ones first; networks may come more than once."""
    for nodes in range(1, options.nodes + 1):
        yield from _with_more_nodes(options, (), nodes)


def _with_more_nodes(options: CellOptions, nodes: tuple[CellNode, ...], count: int) -> Iterator[CellGraph]:
    if len(nodes) == count:
        cell = CellGraph(options.num_inputs, nodes)
        if len(cell.used_nodes()) == count:
            yield cell
        return
    for node in _nodes(options, len(nodes)):
        yield from _with_more_nodes(options, (*nodes, node), count)


def _nodes(options: CellOptions, index: int) -> Iterator[CellNode]:
    """Every node that may stand at place `index`, with its edges in one order where the order says nothing."""
    edges = list(options.edges(options.num_inputs + index))
    if options.may_switch_off:
        for edge in edges:
            yield CellNode((edge,), options.aggregations[0], key=index)
    for aggregation in options.aggregations:
        for place, first in enumerate(edges):
            for second in edges[place:] if is_commutative(aggregation) else edges:
                yield CellNode((first, second), aggregation, key=index)
