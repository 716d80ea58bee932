"""The cell as a graph: what both searchers end in, and all that a network is built from.

Nothing here knows channels, strides, tensors or torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from neat_deep.base.errors import GraphError
from neat_deep.space.canonical import Wiring
from neat_deep.space.motifs import Motif, check_motifs, put_in_place, used_motifs
from neat_deep.space.nodes import IDENTITY, NONE, CellNode, Edge
from neat_deep.space.showing import picture_of

__all__ = ["CELL_OUTPUTS", "IDENTITY", "MOST_INPUTS", "NONE", "CellGraph", "CellNode", "CellOutput", "Edge", "Motif"]

MOST_INPUTS = 16  # a cell reads the outputs of so many cells before it at most; the published spaces have 1 and 2

CellOutput = Literal["last", "concat"]
CELL_OUTPUTS: tuple[CellOutput, ...] = ("last", "concat")


@dataclass(frozen=True)
class CellGraph:
    """An acyclic cell of dual-input nodes, in topological order.

    States are numbered: 0 to `num_inputs` - 1 are the cell's inputs, `num_inputs` + k is node k. `output` is
    `last` (the last node) or `concat` (all nodes side by side, as in DARTS, arXiv 1806.09055, section 2.1).

    An edge may have the name of one of `motifs` as its op: that small graph stands there, with weights of its own. A
    cell with motifs has the output `last`.

    Raises `GraphError` on creation when an edge reads a state that does not come before its node, and for a motif that
    contains itself.
    """

    num_inputs: int
    nodes: tuple[CellNode, ...]
    output: CellOutput = "last"
    motifs: tuple[Motif, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.num_inputs <= MOST_INPUTS:
            raise GraphError(f"num_inputs: got {self.num_inputs}, allowed: 1 to {MOST_INPUTS}")
        if self.output not in CELL_OUTPUTS:
            raise GraphError(f"output: got {self.output!r}, allowed: {', '.join(CELL_OUTPUTS)}")
        _check_nodes("a cell", self.nodes, self.num_inputs)
        if self.motifs:
            if self.output != "last":
                raise GraphError(f"output: got {self.output!r}, allowed with motifs: last")
            for motif in self.motifs:
                _check_nodes(f"motif '{motif.name}'", motif.nodes, 1)
            check_motifs(self.nodes, self.motifs)

    def used_inputs(self) -> tuple[int, ...]:
        """The cell inputs that the output depends on."""
        used = self._wiring.used_states()
        return tuple(i for i in range(self.num_inputs) if i in used)

    def used_nodes(self) -> tuple[int, ...]:
        """The nodes, by index, that the output depends on."""
        return self._wiring.used_nodes()

    def flat(self) -> CellGraph:
        """The same cell without motifs: their nodes stand in their places."""
        if not self.motifs:
            return self
        return replace(self, nodes=put_in_place(self.nodes, self.num_inputs, self.motifs), motifs=())

    def with_plain_names(self) -> CellGraph:
        """The same cell, without motifs, with one name for each op: `space.op_names` knows which ops have two."""
        return self._flattened(Wiring.with_plain_names)

    def prune(self) -> CellGraph:
        """The same cell without the nodes and motifs that its output does not use."""
        nodes = self._wiring.prune().nodes
        return replace(self, nodes=nodes, motifs=used_motifs(nodes, self.motifs))

    def canonical(self) -> CellGraph:
        """The one form that all graphs of the same network share.

        Motifs are put in place, ops get their plain names, unused nodes are dropped, nodes that only pass a value on
        are contracted, the edges of commutative aggregations are ordered, and so are the nodes. Two graphs have equal
        canonical forms exactly if one can be turned into the other by these steps: one node that is used twice stays
        different from two equal nodes.
        """
        return self._flattened(Wiring.canonical)

    def canonical_as_named(self) -> CellGraph:
        """The canonical form of older programs, which took the two names of an op for two ops."""
        return self._flattened(Wiring.canonical_as_named)

    def _repr_svg_(self) -> str | None:
        """The picture that a notebook shows."""
        return picture_of(self)

    def digest(self) -> str:
        """A stable name of the canonical graph: 16 hexadecimal digits of its SHA-256."""
        wiring = self.flat()._wiring.canonical()
        return hashlib.sha256(json.dumps(wiring.encode()).encode()).hexdigest()[:16]

    @property
    def _wiring(self) -> Wiring:
        return Wiring(self.num_inputs, self.nodes, self.output)

    def _flattened(self, simplify: Callable[[Wiring], Wiring]) -> CellGraph:
        """The cell without motifs whose wiring `simplify` made of its own."""
        flat = self.flat()
        return replace(flat, nodes=simplify(flat._wiring).nodes)


def _check_nodes(what: str, nodes: Sequence[CellNode], num_inputs: int) -> None:
    if not nodes:
        raise GraphError(f"{what} needs at least one node, got none")
    place = "" if what == "a cell" else f"{what}: "
    for index, node in enumerate(nodes):
        if len(node.edges) not in (1, 2):
            raise GraphError(f"{place}node {index}: got {len(node.edges)} edges, allowed: 1 or 2")
        if len(node.edges) == 1 and node.edges[0].gated:
            raise GraphError(f"{place}node {index}: got a gate on its only edge, allowed: on an edge of two")
        for edge in node.edges:
            if edge.op == NONE:
                raise GraphError(f"{place}node {index}: op '{NONE}' is no edge; leave the edge out")
            if not 0 <= edge.source < num_inputs + index:
                raise GraphError(
                    f"{place}node {index}: an edge reads state {edge.source}, allowed: 0 to {num_inputs + index - 1}"
                    f" ({num_inputs} inputs, then the nodes before this one; anything else would be a cycle"
                    " or nothing)"
                )
