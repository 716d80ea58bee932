"""Motifs: small graphs that stand as ops in a cell (Liu et al., "Hierarchical Representations", arXiv 1711.00436).

Each place where a motif stands has weights of its own. So a cell with motifs computes what the cell computes that has
the nodes of each motif in its place, and that cell, without motifs, is what networks are built from and named by.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from neat_deep.base.errors import GraphError
from neat_deep.space.canonical import Wiring
from neat_deep.space.nodes import IDENTITY, NONE, CellNode, Edge
from neat_deep.space.op_names import plain_name

MOST_NODES_IN_PLACE = 192  # of a cell without motifs: it may take ten seconds to bring more into canonical form
MOST_MOTIFS = 64  # of a cell; a file with more, one within the other, would be too deep to follow
_NUMBERED_ABOVE = 2**32  # keys of nodes from motifs: above those that genomes count up


@dataclass(frozen=True)
class Motif:
    """A graph of one input, state 0, whose last node is its output; edges whose op is its `name` stand for it."""

    name: str
    nodes: tuple[CellNode, ...]


def check_motifs(nodes: Sequence[CellNode], motifs: Sequence[Motif]) -> None:
    """Raise `GraphError` for names that cannot be told apart, for a motif that contains itself, and for too many nodes.

    `nodes` are those of the cell; each motif's own nodes are checked like these, elsewhere.
    """
    if len(motifs) > MOST_MOTIFS:
        raise GraphError(f"motifs: got {len(motifs)}, allowed: {MOST_MOTIFS} or fewer")
    by_name: dict[str, Motif] = {}
    for motif in motifs:
        if motif.name in by_name:
            raise GraphError(f"motif '{motif.name}': got two of that name, allowed: one")
        if not motif.name or motif.name in (NONE, IDENTITY) or plain_name(motif.name) != motif.name:
            raise GraphError(f"motif '{motif.name}': got a name that means something else, allowed: another")
        by_name[motif.name] = motif
    counts: dict[str, int] = {}

    def count(nodes: Sequence[CellNode], path: tuple[str, ...]) -> int:
        """The nodes of a graph with those of its motifs in their places."""
        total = len(nodes)
        for node in nodes:
            for edge in node.edges:
                if edge.op not in by_name:
                    continue
                if edge.op in path:
                    circle = " > ".join([*path[path.index(edge.op) :], edge.op])
                    raise GraphError(
                        f"motif '{edge.op}' contains itself: {circle}; allowed: ops, and motifs that do not contain it"
                    )
                if edge.op not in counts:
                    counts[edge.op] = count(by_name[edge.op].nodes, (*path, edge.op))
                total += counts[edge.op]
        return total

    for motif in motifs:
        count(motif.nodes, (motif.name,))
    total = count(nodes, ())
    if motifs and total > MOST_NODES_IN_PLACE:
        raise GraphError(
            f"the cell has {total} nodes with its motifs in place, allowed: {MOST_NODES_IN_PLACE} or fewer"
        )


def used_motifs(nodes: Iterable[CellNode], motifs: Sequence[Motif]) -> tuple[Motif, ...]:
    """Those of the motifs that the nodes use, by themselves or within other motifs, in their order."""
    by_name = {motif.name: motif for motif in motifs}
    used: set[str] = set()
    waiting = list(nodes)
    while waiting:
        for edge in waiting.pop().edges:
            if edge.op in by_name and edge.op not in used:
                used.add(edge.op)
                waiting.extend(by_name[edge.op].nodes)
    return tuple(motif for motif in motifs if motif.name in used)


def put_in_place(nodes: Sequence[CellNode], num_inputs: int, motifs: Sequence[Motif]) -> tuple[CellNode, ...]:
    """The nodes of a graph of so many inputs with those of its motifs in their places.

    A motif's last node is left out where the edge itself can do what it does: where it has one edge, and one of the two
    has no activation. Nodes from motifs have keys that tell their place, so that they inherit weights.
    """
    return _Placing(motifs).place(nodes, num_inputs)


class _Placing:
    """Puts motifs in place; each motif's own nodes are put together once."""

    def __init__(self, motifs: Sequence[Motif]) -> None:
        self._motifs = {motif.name: motif for motif in motifs}
        self._bodies: dict[str, tuple[CellNode, ...]] = {}

    def place(self, nodes: Sequence[CellNode], num_inputs: int) -> tuple[CellNode, ...]:
        placed: list[CellNode] = []
        states = list(range(num_inputs))
        for node in nodes:
            edges = []
            for slot, edge in enumerate(node.edges):
                moved = replace(edge, source=states[edge.source])
                if edge.op in self._motifs:
                    moved = self._put(moved, (node.key, slot), placed, num_inputs)
                edges.append(moved)
            placed.append(replace(node, edges=tuple(edges)))
            states.append(num_inputs + len(placed) - 1)
        return tuple(placed)

    def _put(self, edge: Edge, place: tuple[int, int], placed: list[CellNode], num_inputs: int) -> Edge:
        """Add the nodes of an edge's motif to `placed`; returns the edge that reads them."""
        states = [edge.source]
        *before, last = self._body(edge.op)
        (only, *rest) = last.edges
        folds = not rest and IDENTITY in (only.activation, edge.activation)
        for node in before if folds else [*before, last]:
            edges = tuple(replace(inner, source=states[inner.source]) for inner in node.edges)
            placed.append(replace(node, edges=edges, key=_key_in_place(*place, edge.op, node.key)))
            states.append(num_inputs + len(placed) - 1)
        if folds:
            activation = edge.activation if only.activation == IDENTITY else only.activation
            return Edge(states[only.source], only.op, activation, edge.gated)
        return Edge(states[-1], IDENTITY, edge.activation, edge.gated)

    def _body(self, name: str) -> tuple[CellNode, ...]:
        """A motif's nodes, with those of its own motifs in place, without what it does not use or only passes on."""
        if name not in self._bodies:
            placed = Wiring(1, self.place(self._motifs[name].nodes, 1), "last")
            self._bodies[name] = placed.prune().contract().prune().nodes
        return self._bodies[name]


def _key_in_place(key: int, slot: int, motif: str, inner: int) -> int:
    """The key of a motif's node on one slot of the node `key`, which a child has too where it has that motif there."""
    text = json.dumps([key, slot, motif, inner])
    return _NUMBERED_ABOVE + int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
