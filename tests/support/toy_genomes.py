"""Genomes of one node, by the op that it holds."""

from __future__ import annotations

from typing import Any

from neat_deep.evolution.expression import seed_genome
from neat_deep.evolution.genome import CellGenome
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge


def genomes(config: Any, *ops: str) -> list[tuple[int, CellGenome]]:
    made = []
    for key, op in enumerate(ops):
        graph = CellGraph(1, (CellNode((Edge(0, op if op != "none" else "identity", "relu"),)),))
        genome = seed_genome(graph, config.genome_config, key)
        if op == "none":
            genome.nodes[0].op_1 = "none"
        made.append((key, genome))
    return made
