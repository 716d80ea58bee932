"""Where the winner of a run comes from: its ancestors, read from the run's store, and their picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import graphviz  # type: ignore[import-untyped]

from neat_deep.reports.pictures.labels import INK
from neat_deep.reports.pictures.render import FONT
from neat_deep.store.records import CandidateRecord


@dataclass(frozen=True)
class FamilyTree:
    """A candidate and all its ancestors, each as it was first scored, oldest first; `edges` are (parent, child)."""

    candidates: tuple[CandidateRecord, ...]
    edges: tuple[tuple[int, int], ...]


def family_tree(candidates: Sequence[CandidateRecord], key: int) -> FamilyTree:
    """The ancestors of candidate `key`, and itself."""
    first: dict[int, CandidateRecord] = {}
    for row in candidates:
        first.setdefault(row.candidate, row)
    members, edges, waiting = {}, [], [key]
    while waiting:
        child = waiting.pop()
        if child in members or child not in first:
            continue
        members[child] = first[child]
        edges += [(parent, child) for parent in first[child].parents]
        waiting += first[child].parents
    ordered = sorted(members.values(), key=lambda row: (row.generation, row.candidate))
    return FamilyTree(tuple(ordered), tuple(sorted(edges)))


def draw_family_tree(tree: FamilyTree) -> graphviz.Digraph:
    """The picture: a row for each generation, a box with number and accuracy for each network."""
    drawing = graphviz.Digraph(graph_attr={"rankdir": "TB", "ranksep": "0.5", "nodesep": "0.25", "pad": "0.2"})
    drawing.attr("node", shape="box", style="rounded,filled", fillcolor="#EEF2F7", color="#9CA3AF")
    drawing.attr("node", fontname=FONT, fontsize="12", fontcolor=INK, margin="0.15,0.08")
    drawing.attr("edge", color="#6B7280", arrowsize="0.6")
    for generation in sorted({row.generation for row in tree.candidates}):
        with drawing.subgraph(graph_attr={"rank": "same"}) as part:
            for row in tree.candidates:
                if row.generation == generation:
                    score = row.status if row.objective is None else f"{100 * (row.accuracy or 0.0):.2f}%"
                    part.node(str(row.candidate), f"network {row.candidate}\ngeneration {generation + 1}\n{score}")
    for parent, child in tree.edges:
        drawing.edge(str(parent), str(child))
    return drawing
