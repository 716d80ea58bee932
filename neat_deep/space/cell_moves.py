"""The steps from one cell to the next: what mutation draws from, and what a hill climb looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.space.cell_options import CellOptions


def change_ops(options: CellOptions, cell: CellGraph) -> Iterator[CellGraph]:
    """Another op on one edge."""
    for index, slot, edge in _edges(cell):
        for op in options.edge_ops:
            if op != edge.op:
                yield _with_edge(cell, index, slot, replace(edge, op=op))


def change_sources(options: CellOptions, cell: CellGraph) -> Iterator[CellGraph]:
    """Another state that one edge reads."""
    for index, slot, edge in _edges(cell):
        for source in range(options.num_inputs + index):
            if source != edge.source:
                yield _with_edge(cell, index, slot, replace(edge, source=source))


def change_activations(options: CellOptions, cell: CellGraph) -> Iterator[CellGraph]:
    """Another activation on one edge."""
    for index, slot, edge in _edges(cell):
        for activation in options.activations:
            if activation != edge.activation:
                yield _with_edge(cell, index, slot, replace(edge, activation=activation))


def change_aggregations(options: CellOptions, cell: CellGraph) -> Iterator[CellGraph]:
    """Another aggregation of one node with two edges, or its edges the other way round."""
    for index, node in enumerate(cell.nodes):
        if len(node.edges) == 2:
            for aggregation in options.aggregations:
                if aggregation != node.aggregation:
                    yield _with_node(cell, index, replace(node, aggregation=aggregation))
            yield _with_node(cell, index, replace(node, edges=node.edges[::-1]))


def add_edges(options: CellOptions, cell: CellGraph) -> Iterator[CellGraph]:
    """A second edge for a node that has one."""
    for index, node in enumerate(cell.nodes):
        if len(node.edges) == 1:
            for edge in options.edges(options.num_inputs + index):
                for aggregation in options.aggregations:
                    yield _with_node(cell, index, replace(node, edges=(*node.edges, edge), aggregation=aggregation))


def remove_edges(options: CellOptions, cell: CellGraph) -> Iterator[CellGraph]:
    """One edge less for a node that has two; its aggregation then says nothing."""
    if options.may_switch_off:
        for index, node in enumerate(cell.nodes):
            if len(node.edges) == 2:
                for edge in node.edges:
                    yield _with_node(cell, index, replace(node, edges=(edge,)))


def add_nodes(options: CellOptions, cell: CellGraph) -> Iterator[CellGraph]:
    """A new node within one edge, or after the output."""
    if len(cell.nodes) == options.nodes:
        return
    key = 1 + max(node.key for node in cell.nodes)  # of no node of the cell, so that it inherits no weights
    for index, slot, edge in _edges(cell):
        for node in _new_nodes(options, edge.source, key):
            state = options.num_inputs + index
            nodes = [*cell.nodes[:index], node]
            for later, reader in enumerate(cell.nodes[index:]):
                shifted = tuple(replace(e, source=e.source + (e.source >= state)) for e in reader.edges)
                if later == 0:
                    shifted = (*shifted[:slot], replace(edge, source=state), *shifted[slot + 1 :])
                nodes.append(replace(reader, edges=shifted))
            yield replace(cell, nodes=tuple(nodes))
    for node in _new_nodes(options, options.num_inputs + len(cell.nodes) - 1, key):
        yield replace(cell, nodes=(*cell.nodes, node))


def remove_nodes(options: CellOptions, cell: CellGraph) -> Iterator[CellGraph]:
    """One node less; what read it reads one of its sources, and if it was the output, that source is."""
    for index, _, edge in _edges(cell):
        state = options.num_inputs + index
        if index == len(cell.nodes) - 1:
            if edge.source >= options.num_inputs:
                yield replace(cell, nodes=cell.nodes[: edge.source - options.num_inputs + 1])
            continue
        nodes = list(cell.nodes[:index])
        for reader in cell.nodes[index + 1 :]:
            moved = [edge.source if e.source == state else e.source - (e.source > state) for e in reader.edges]
            edges = tuple(replace(e, source=source) for e, source in zip(reader.edges, moved, strict=True))
            nodes.append(replace(reader, edges=edges))
        yield replace(cell, nodes=tuple(nodes))


Moves = Callable[[CellOptions, CellGraph], Iterator[CellGraph]]
KINDS: Sequence[Moves] = (
    change_ops,
    change_sources,
    change_activations,
    change_aggregations,
    add_edges,
    remove_edges,
    add_nodes,
    remove_nodes,
)


def _edges(cell: CellGraph) -> Iterator[tuple[int, int, Edge]]:
    """Every edge with its node's index and its slot."""
    for index, node in enumerate(cell.nodes):
        for slot, edge in enumerate(node.edges):
            yield index, slot, edge


def _new_nodes(options: CellOptions, source: int, key: int) -> Iterator[CellNode]:
    """Nodes that read one state: by a single edge, or by two equal ones where no input can be switched off."""
    for edge in options.edges_from(source):
        edges = (edge,) if options.may_switch_off else (edge, edge)
        yield CellNode(edges, options.aggregations[0], key)


def _with_edge(cell: CellGraph, index: int, slot: int, edge: Edge) -> CellGraph:
    node = cell.nodes[index]
    return _with_node(cell, index, replace(node, edges=(*node.edges[:slot], edge, *node.edges[slot + 1 :])))


def _with_node(cell: CellGraph, index: int, node: CellNode) -> CellGraph:
    return replace(cell, nodes=(*cell.nodes[:index], node, *cell.nodes[index + 1 :]))
