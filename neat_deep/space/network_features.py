"""A network of any space as counts by name, for a regressor that knows no space."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from neat_deep.space.architecture import Architecture

INPUT = "input"


def network_features(architecture: Architecture) -> Mapping[str, float]:
    """How often the canonical cell has each op, each activation, each aggregation, and each op behind another.

    The numbers of nodes and edges, the longest way from an input to the output, and the skeleton's channels and cells
    stand among them. What a network does not have is not named. Different networks may have the same features.
    """
    cell = architecture.cell.canonical()
    counts: Counter[str] = Counter()
    depths = [0] * cell.num_inputs
    for node in cell.nodes:
        depths.append(1 + max(depths[edge.source] for edge in node.edges))
        if len(node.edges) == 2:
            counts[f"aggregation {node.aggregation}"] += 1
        for edge in node.edges:
            before = edge.source - cell.num_inputs
            sources = [INPUT] if before < 0 else [inner.op for inner in cell.nodes[before].edges]
            counts[f"op {edge.op}"] += 1
            counts[f"activation {edge.activation}"] += 1
            counts.update(f"{edge.op} behind {source}" for source in sources)
    counts["nodes"], counts["edges"] = len(cell.nodes), sum(len(node.edges) for node in cell.nodes)
    counts["depth"] = max(depths)
    counts["channels"], counts["cells"] = architecture.skeleton.channels, architecture.skeleton.cells
    return {name: float(count) for name, count in counts.items()}
