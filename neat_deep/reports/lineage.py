"""Where the winner of a run comes from: its ancestors, read from the run's store, and their picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import graphviz  # type: ignore[import-untyped]

from neat_deep.reports.pictures.labels import INK
from neat_deep.reports.pictures.render import FONT
from neat_deep.store.tables import GenomeRow


@dataclass(frozen=True)
class FamilyTree:
    """A genome and all its ancestors, each as it was first scored, oldest first; `edges` are (parent, child) keys."""

    genomes: tuple[GenomeRow, ...]
    edges: tuple[tuple[int, int], ...]


def family_tree(genomes: Sequence[GenomeRow], key: int) -> FamilyTree:
    """The ancestors of genome `key`, and itself."""
    first: dict[int, GenomeRow] = {}
    for row in genomes:
        first.setdefault(row.genome, row)
    found, edges, waiting = {}, [], [key]
    while waiting:
        child = waiting.pop()
        if child in found or child not in first:
            continue
        found[child] = first[child]
        parents = json.loads(first[child].parents)
        edges += [(parent, child) for parent in parents]
        waiting += parents
    ordered = sorted(found.values(), key=lambda row: (row.generation, row.genome))
    return FamilyTree(tuple(ordered), tuple(sorted(edges)))


def draw_family_tree(tree: FamilyTree) -> graphviz.Digraph:
    """The picture: a row for each generation, a box with key and accuracy for each genome."""
    drawing = graphviz.Digraph(graph_attr={"rankdir": "TB", "ranksep": "0.5", "nodesep": "0.25", "pad": "0.2"})
    drawing.attr("node", shape="box", style="rounded,filled", fillcolor="#EEF2F7", color="#9CA3AF")
    drawing.attr("node", fontname=FONT, fontsize="12", fontcolor=INK, margin="0.15,0.08")
    drawing.attr("edge", color="#6B7280", arrowsize="0.6")
    for generation in sorted({row.generation for row in tree.genomes}):
        with drawing.subgraph(graph_attr={"rank": "same"}) as part:
            for row in tree.genomes:
                if row.generation == generation:
                    score = row.status if row.accuracy is None else f"{100 * row.accuracy:.2f}%"
                    part.node(str(row.genome), f"genome {row.genome}\ngeneration {generation + 1}\n{score}")
    for parent, child in tree.edges:
        drawing.edge(str(parent), str(child))
    return drawing
