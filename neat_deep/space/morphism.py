"""Network morphism on graphs: a child that computes what its parent computes, and where its parts come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge

Origin = int | None  # the number of a part's counterpart in the parent, None for a new part


@dataclass(frozen=True)
class Morphism:
    """A way from `parent` to `child`, both with canonical cells, that leaves the network's function unchanged.

    `ops` names for each op of the child's cell, as a `Cell` numbers them, the op of the parent's cell whose weights and
    gate it takes over; so do `nodes` for the cell's nodes and `cells` for the cells of the skeleton. A new part has
    None: it may start with any weights, since a gate at zero stands behind it. `moves` are the names of the moves that
    were made.
    """

    parent: Architecture
    child: Architecture
    ops: tuple[Origin, ...]
    nodes: tuple[Origin, ...]
    cells: tuple[Origin, ...]
    moves: tuple[str, ...] = ()

    @classmethod
    def unchanged(cls, architecture: Architecture) -> Morphism:
        """The morphism of no moves."""
        canonical = replace(architecture, cell=architecture.cell.canonical())
        edges = sum(len(node.edges) for node in canonical.cell.nodes)
        return cls(
            canonical,
            canonical,
            tuple(range(edges)),
            tuple(range(len(canonical.cell.nodes))),
            tuple(range(canonical.skeleton.cells)),
        )

    def drafts(self) -> list[Draft]:
        """The nodes of the child's cell, each with its part of the correspondence, for a move to change."""
        numbers = iter(self.ops)
        return [
            Draft(node.edges, node.aggregation, node.key, tuple(next(numbers) for _ in node.edges), origin)
            for node, origin in zip(self.child.cell.nodes, self.nodes, strict=True)
        ]

    def with_cell(self, drafts: Sequence[Draft], move: str) -> Morphism:
        """With one move more, which makes the child's cell one of `drafts`: brought into canonical form here."""
        cell = self.child.cell
        numbered = tuple(CellNode(d.edges, d.aggregation, place) for place, d in enumerate(drafts))
        canonical = replace(cell, nodes=numbered).canonical()
        places = [node.key for node in canonical.nodes]
        states = [*range(cell.num_inputs), *(cell.num_inputs + place for place in places)]
        nodes, ops = [], []
        for node, place in zip(canonical.nodes, places, strict=True):
            draft = drafts[place]
            nodes.append(replace(node, key=draft.key))
            unplaced = list(zip(draft.edges, draft.ops, strict=True))
            for edge in node.edges:  # the canonical form may have swapped them
                original = next(pair for pair in unplaced if pair[0] == replace(edge, source=states[edge.source]))
                unplaced.remove(original)
                ops.append(original[1])
        return replace(
            self,
            child=replace(self.child, cell=CellGraph(cell.num_inputs, tuple(nodes), cell.output)),
            ops=tuple(ops),
            nodes=tuple(drafts[place].origin for place in places),
            moves=(*self.moves, move),
        )

    def with_skeleton(self, skeleton: Skeleton, move: str, cells: Sequence[Origin] | None = None) -> Morphism:
        """With one move more, which puts the child's cell into another skeleton."""
        return replace(
            self,
            child=replace(self.child, skeleton=skeleton),
            cells=self.cells if cells is None else tuple(cells),
            moves=(*self.moves, move),
        )

    def encode(self) -> list[object]:
        """The correspondence as plain lists: with the names of parent and child it says all."""
        return [list(self.ops), list(self.nodes), list(self.cells)]


@dataclass(frozen=True)
class Draft:
    """A node that a move is changing: `ops` has the counterpart of each edge's op, `origin` that of the node."""

    edges: tuple[Edge, ...]
    aggregation: str
    key: int
    ops: tuple[Origin, ...]
    origin: Origin

    @property
    def passes_on(self) -> bool:
        """Whether the node's value is its source's value, untouched."""
        return CellNode(self.edges).passes_on
