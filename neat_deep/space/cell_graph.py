"""The cell as a graph: what both searchers end in, and all that a network is built from.

Nothing here knows channels, strides, tensors or torch.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from neat_deep.base.errors import GraphError

NONE = "none"  # switches a slot off in a genome or a supernet; a graph leaves the edge out instead
MOST_INPUTS = 16  # a cell reads the outputs of so many cells before it at most; the published spaces have 1 and 2
IDENTITY = "identity"  # the op, and the activation, that passes its input on

# An aggregation that is not listed here counts as order-sensitive: at worst two equal networks then get two
# digests, never two different networks one.
COMMUTATIVE_AGGREGATIONS = frozenset({"add", "mul"})

CellOutput = Literal["last", "concat"]
CELL_OUTPUTS: tuple[CellOutput, ...] = ("last", "concat")


@dataclass(frozen=True)
class Edge:
    """One input slot of a node: state `source` passes `op`, then `activation`."""

    source: int
    op: str
    activation: str = IDENTITY


@dataclass(frozen=True)
class CellNode:
    """A node with one or two edges; `key` names it across mutations and takes no part in equality."""

    edges: tuple[Edge, ...]
    aggregation: str = "add"
    key: int = field(default=-1, compare=False)

    @property
    def passes_on(self) -> bool:
        """Whether the node's value is its source's value, untouched."""
        return len(self.edges) == 1 and self.edges[0].op == IDENTITY and self.edges[0].activation == IDENTITY


@dataclass(frozen=True)
class CellGraph:
    """An acyclic cell of dual-input nodes, in topological order.

    States are numbered: 0 to `num_inputs` - 1 are the cell's inputs, `num_inputs` + k is node k. `output` is
    `last` (the last node) or `concat` (all nodes side by side, as in DARTS, arXiv 1806.09055, section 2.1).

    Raises `GraphError` on creation when an edge reads a state that does not come before its node.
    """

    num_inputs: int
    nodes: tuple[CellNode, ...]
    output: CellOutput = "last"

    def __post_init__(self) -> None:
        if not 1 <= self.num_inputs <= MOST_INPUTS:
            raise GraphError(f"num_inputs: got {self.num_inputs}, allowed: 1 to {MOST_INPUTS}")
        if self.output not in CELL_OUTPUTS:
            raise GraphError(f"output: got {self.output!r}, allowed: {', '.join(CELL_OUTPUTS)}")
        if not self.nodes:
            raise GraphError("a cell needs at least one node, got none")
        for index, node in enumerate(self.nodes):
            self._check_node(index, node)

    def _check_node(self, index: int, node: CellNode) -> None:
        if len(node.edges) not in (1, 2):
            raise GraphError(f"node {index}: got {len(node.edges)} edges, allowed: 1 or 2")
        for edge in node.edges:
            if edge.op == NONE:
                raise GraphError(f"node {index}: op '{NONE}' is no edge; leave the edge out")
            if not 0 <= edge.source < self.num_inputs + index:
                raise GraphError(
                    f"node {index}: an edge reads state {edge.source}, allowed: 0 to {self.num_inputs + index - 1}"
                    f" ({self.num_inputs} inputs, then the nodes before this one; anything else would be a cycle"
                    " or nothing)"
                )

    def used_inputs(self) -> tuple[int, ...]:
        """The cell inputs that the output depends on."""
        used = self._used_states()
        return tuple(i for i in range(self.num_inputs) if i in used)

    def used_nodes(self) -> tuple[int, ...]:
        """The nodes, by index, that the output depends on."""
        used = self._used_states()
        return tuple(i for i in range(len(self.nodes)) if self.num_inputs + i in used)

    def prune(self) -> CellGraph:
        """The same cell without the nodes that its output does not use."""
        return self._keep(self.used_nodes())

    def canonical(self) -> CellGraph:
        """The one form that all graphs of the same network share.

        Unused nodes are dropped, nodes that only pass a value on are contracted, the edges of commutative
        aggregations are ordered, and so are the nodes. Two graphs have equal canonical forms exactly if one can
        be turned into the other by these steps: one node that is used twice stays different from two equal nodes.
        """
        graph = self.prune()._contract().prune()
        graph = replace(graph, nodes=tuple(_plain_aggregation(node) for node in graph.nodes))
        _, order = _best_labelling(graph, _refine(graph, [0] * len(graph.nodes)))
        return graph._reorder(order)

    def digest(self) -> str:
        """A stable name of the canonical graph: 16 hexadecimal digits of its SHA-256."""
        return hashlib.sha256(json.dumps(_encode(self.canonical())).encode()).hexdigest()[:16]

    def _used_states(self) -> set[int]:
        if self.output == "concat":
            used = {self.num_inputs + i for i in range(len(self.nodes))}
        else:
            used = {self.num_inputs + len(self.nodes) - 1}
        for index in reversed(range(len(self.nodes))):  # topological order: consumers are met before sources
            if self.num_inputs + index in used:
                used.update(edge.source for edge in self.nodes[index].edges)
        return used

    def _contract(self) -> CellGraph:
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

    def _keep(self, kept: Sequence[int]) -> CellGraph:
        """The graph of the nodes `kept`, in that order, which must be topological."""
        number = {i: i for i in range(self.num_inputs)}
        number.update({self.num_inputs + old: self.num_inputs + new for new, old in enumerate(kept)})
        nodes = []
        for old in kept:
            node = self.nodes[old]
            nodes.append(replace(node, edges=tuple(replace(e, source=number[e.source]) for e in node.edges)))
        return replace(self, nodes=tuple(nodes))

    def _reorder(self, order: Sequence[int]) -> CellGraph:
        graph = self._keep(order)
        nodes = []
        for node in graph.nodes:
            edges = node.edges
            if node.aggregation in COMMUTATIVE_AGGREGATIONS:
                edges = tuple(sorted(edges, key=lambda e: (e.source, e.op, e.activation)))
            nodes.append(replace(node, edges=edges))
        return replace(graph, nodes=tuple(nodes))


# --- canonical labelling ---------------------------------------------------------------------------------------
# Colour refinement with individualisation (the scheme of McKay and Piperno, "Practical graph isomorphism, II",
# arXiv 1301.1493, without its automorphism group machinery: cells have a handful of nodes).

Colours = list[int]


def _plain_aggregation(node: CellNode) -> CellNode:
    """With one edge there is nothing to aggregate, so the aggregation's name says nothing."""
    return node if len(node.edges) == 2 else replace(node, aggregation="add")


def _encode(graph: CellGraph) -> list[object]:
    """The graph as plain lists, without the node keys."""
    nodes = [[n.aggregation, [[e.source, e.op, e.activation] for e in n.edges]] for n in graph.nodes]
    return [graph.num_inputs, graph.output, nodes]


def _refine(graph: CellGraph, colours: Colours) -> Colours:
    """Split the colour classes until nodes of one colour have equal surroundings, upwards and downwards."""
    while True:
        readers: list[list[tuple[object, ...]]] = [[] for _ in graph.nodes]
        signatures: list[tuple[object, ...]] = []
        for index, node in enumerate(graph.nodes):
            ordered = node.aggregation not in COMMUTATIVE_AGGREGATIONS
            inputs = []
            for slot, edge in enumerate(node.edges):
                place = slot if ordered else 0
                source = edge.source - graph.num_inputs
                # inputs get colours below every node's
                inputs.append((place, edge.op, edge.activation, source if source < 0 else colours[source]))
                if source >= 0:
                    readers[source].append((place, edge.op, edge.activation, colours[index]))
            signatures.append((colours[index], node.aggregation, tuple(sorted(inputs))))
        is_output = [graph.output == "concat" or i == len(graph.nodes) - 1 for i in range(len(graph.nodes))]
        full = [(s, tuple(sorted(r)), o) for s, r, o in zip(signatures, readers, is_output, strict=True)]
        ranks = {signature: rank for rank, signature in enumerate(sorted(set(full)))}
        refined = [ranks[signature] for signature in full]
        if len(ranks) == len(set(colours)):
            return refined
        colours = refined


def _topological(graph: CellGraph, colours: Colours) -> list[int]:
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


def _individualise(graph: CellGraph, colours: Colours, node: int) -> Colours:
    doubled = [2 * c for c in colours]
    doubled[node] -= 1
    return _refine(graph, doubled)


def _first_labelling(graph: CellGraph, colours: Colours) -> tuple[str, list[int]]:
    while tied := _tied(colours):
        colours = _individualise(graph, colours, tied[0])
    order = _topological(graph, colours)
    return json.dumps(_encode(graph._reorder(order))), order


def _best_labelling(graph: CellGraph, colours: Colours) -> tuple[str, list[int]]:
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
        found = _best_labelling(graph, branch)
        if best is None or found[0] < best[0]:
            best = found
    assert best is not None  # `tied` is not empty
    return best
