"""A cell as a vector of fixed length, for a regressor."""

from __future__ import annotations

from neat_deep.space.cell_graph import CellGraph
from neat_deep.space.cell_options import CellOptions


def encode_cell(options: CellOptions, cell: CellGraph) -> tuple[float, ...]:
    """What the canonical cell has at each place, as ones and zeros, and how often it has each op.

    Cells of one network have one vector, cells of different networks have different ones. Per node: for each of two
    edges its source, its op and its activation, then the aggregation of the two; a place that is not there is zeros.
    The counts add nothing new, but a regressor learns more easily from them.
    """
    canonical = cell.canonical()
    states = options.num_inputs + options.nodes - 1
    vector: list[float] = []
    for index in range(options.nodes):
        node = canonical.nodes[index] if index < len(canonical.nodes) else None
        edges = () if node is None else node.edges
        for slot in range(2):
            edge = edges[slot] if slot < len(edges) else None
            vector += [float(edge is not None and edge.source == state) for state in range(states)]
            vector += [float(edge is not None and edge.op == op) for op in options.edge_ops]
            vector += [float(edge is not None and edge.activation == name) for name in options.activations]
        pair = node if node is not None and len(edges) == 2 else None
        vector += [float(pair is not None and pair.aggregation == name) for name in options.aggregations]
    ops = [edge.op for node in canonical.nodes for edge in node.edges]
    return (*vector, *(float(ops.count(op)) for op in options.edge_ops))
