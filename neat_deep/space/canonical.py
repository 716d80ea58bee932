"""The one form of a cell's wiring that all graphs of the same network share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from neat_deep.space.aggregations import is_commutative
from neat_deep.space.nodes import CellNode, Edge
from neat_deep.space.op_names import plain_name


@dataclass(frozen=True)
class Wiring:
    """Nodes between a cell's inputs and its output, unchecked: what a `CellGraph` says, and how it is simplified."""

    num_inputs: int
    nodes: tuple[CellNode, ...]
    output: str  # `last` or `concat`

    def canonical(self) -> Wiring:
        """Each op under its plain name, without what is unused or only passes a value on, edges and nodes in order."""
        return self.with_plain_names().canonical_as_named()

    def canonical_as_named(self) -> Wiring:
        """The canonical form that takes the two names of an op for two ops, as older programs did."""
        graph = self.prune().contract().prune()
        graph = replace(graph, nodes=tuple(_plain_aggregation(node) for node in graph.nodes))
        _, order = _best_labelling(graph, _refine(graph, [0] * len(graph.nodes)))
        return graph.reorder(order)

    def with_plain_names(self) -> Wiring:
        """With one name for each op, where one has two."""
        if all(plain_name(edge.op) == edge.op for node in self.nodes for edge in node.edges):
            return self
        nodes = []
        for node in self.nodes:
            nodes.append(replace(node, edges=tuple(replace(edge, op=plain_name(edge.op)) for edge in node.edges)))
        return replace(self, nodes=tuple(nodes))

    def prune(self) -> Wiring:
        """Without the nodes that the output does not use."""
        return self.keep(self.used_nodes())

    def used_nodes(self) -> tuple[int, ...]:
        """The nodes, by index, that the output depends on."""
        used = self.used_states()
        return tuple(i for i in range(len(self.nodes)) if self.num_inputs + i in used)

    def used_states(self) -> set[int]:
        """The inputs and nodes, by their number as states, that the output depends on."""
        if self.output == "concat":
            used = {self.num_inputs + i for i in range(len(self.nodes))}
        else:
            used = {self.num_inputs + len(self.nodes) - 1}
        for index in reversed(range(len(self.nodes))):  # topological order: consumers are met before sources
            if self.num_inputs + index in used:
                used.update(edge.source for edge in self.nodes[index].edges)
        return used

    def contract(self) -> Wiring:
        """Let readers of a pass-through node read its source; drop a pass-through output if a node feeds it."""
        stands_for = list(range(self.num_inputs + len(self.nodes)))
        nodes: list[CellNode] = []
        for index, node in enumerate(self.nodes):
            edges = tuple(replace(edge, source=stands_for[edge.source]) for edge in node.edges)
            nodes.append(replace(node, edges=edges))
            if nodes[-1].passes_on:
                stands_for[self.num_inputs + index] = edges[0].source
        end = len(nodes)
        if self.output == "last" and stands_for[-1] >= self.num_inputs:
            end = stands_for[-1] - self.num_inputs + 1  # the output node's value is that node's value
        return replace(self, nodes=tuple(nodes[:end]))

    def keep(self, kept: Sequence[int]) -> Wiring:
        """The graph of the nodes `kept`, in that order, which must be topological."""
        number = {i: i for i in range(self.num_inputs)}
        number.update({self.num_inputs + old: self.num_inputs + new for new, old in enumerate(kept)})
        nodes = []
        for old in kept:
            node = self.nodes[old]
            nodes.append(replace(node, edges=tuple(replace(e, source=number[e.source]) for e in node.edges)))
        return replace(self, nodes=tuple(nodes))

    def reorder(self, order: Sequence[int]) -> Wiring:
        """The graph with its nodes in that topological order, and the edges of commutative aggregations sorted."""
        graph = self.keep(order)
        nodes = []
        for node in graph.nodes:
            edges = node.edges
            if is_commutative(node.aggregation):
                edges = tuple(sorted(edges, key=lambda e: (e.source, *e.label)))
            nodes.append(replace(node, edges=edges))
        return replace(graph, nodes=tuple(nodes))

    def encode(self) -> list[object]:
        """As plain lists, without the node keys; a cell without gates reads as it did before there were any."""
        nodes = [[n.aggregation, [_encode_edge(edge) for edge in n.edges]] for n in self.nodes]
        return [self.num_inputs, self.output, nodes]


def _encode_edge(edge: Edge) -> list[object]:
    plain: list[object] = [edge.source, edge.op, edge.activation]
    return [*plain, "gated"] if edge.gated else plain


def _plain_aggregation(node: CellNode) -> CellNode:
    """With one edge there is nothing to aggregate, so the aggregation's name says nothing."""
    return node if len(node.edges) == 2 else replace(node, aggregation="add")


# --- canonical labelling ---------------------------------------------------------------------------------------
# Colour refinement with individualisation (the scheme of McKay and Piperno, "Practical graph isomorphism, II",
# arXiv 1301.1493, without its automorphism group machinery: cells have a handful of nodes).

Colours = list[int]


def _refine(graph: Wiring, colours: Colours) -> Colours:
    """Split the colour classes until nodes of one colour have equal surroundings, upwards and downwards."""
    while True:
        readers: list[list[tuple[object, ...]]] = [[] for _ in graph.nodes]
        signatures: list[tuple[object, ...]] = []
        for index, node in enumerate(graph.nodes):
            ordered = not is_commutative(node.aggregation)
            inputs = []
            for slot, edge in enumerate(node.edges):
                place = slot if ordered else 0
                source = edge.source - graph.num_inputs
                # inputs get colours below every node's
                inputs.append((place, *edge.label, source if source < 0 else colours[source]))
                if source >= 0:
                    readers[source].append((place, *edge.label, colours[index]))
            signatures.append((colours[index], node.aggregation, tuple(sorted(inputs))))
        is_output = [graph.output == "concat" or i == len(graph.nodes) - 1 for i in range(len(graph.nodes))]
        full = [(s, tuple(sorted(r)), o) for s, r, o in zip(signatures, readers, is_output, strict=True)]
        ranks = {signature: rank for rank, signature in enumerate(sorted(set(full)))}
        refined = [ranks[signature] for signature in full]
        if len(ranks) == len(set(colours)):
            return refined
        colours = refined


def _topological(graph: Wiring, colours: Colours) -> list[int]:
    """The topological order that takes the ready node of the lowest colour first."""
    order: list[int] = []
    while len(order) < len(graph.nodes):
        ready = [
            i
            for i, node in enumerate(graph.nodes)
            if i not in order
            and all(e.source < graph.num_inputs or e.source - graph.num_inputs in order for e in node.edges)
        ]
        order.append(min(ready, key=lambda i: colours[i]))
    return order


def _tied(colours: Colours) -> list[int]:
    """The nodes of the lowest colour that more than one node has; empty when all differ."""
    counts = Counter(colours)
    shared = [c for c in colours if counts[c] > 1]
    return [i for i, c in enumerate(colours) if shared and c == min(shared)]


def _individualise(graph: Wiring, colours: Colours, node: int) -> Colours:
    doubled = [2 * c for c in colours]
    doubled[node] -= 1
    return _refine(graph, doubled)


def _first_labelling(graph: Wiring, colours: Colours) -> tuple[str, list[int]]:
    while tied := _tied(colours):
        colours = _individualise(graph, colours, tied[0])
    order = _topological(graph, colours)
    return json.dumps(graph.reorder(order).encode()), order


def _best_labelling(graph: Wiring, colours: Colours) -> tuple[str, list[int]]:
    """The least encoding over all ways to break ties, and its node order.

    A tied node whose first labelling equals that of one already tried is its mirror image (an automorphism maps
    one on the other), so its branch holds nothing new.
    """
    tied = _tied(colours)
    if not tied:
        return _first_labelling(graph, colours)
    seen: set[str] = set()
    best: tuple[str, list[int]] | None = None
    for node in tied:
        branch = _individualise(graph, colours, node)
        first, _ = _first_labelling(graph, branch)
        if first in seen:
            continue
        seen.add(first)
        labelling = _best_labelling(graph, branch)
        if best is None or labelling[0] < best[0]:
            best = labelling
    assert best is not None  # `tied` is not empty
    return best
