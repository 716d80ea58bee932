"""The cell as a graph: what both searchers end in, and all that a network is built from.

Nothing here knows channels, strides, tensors or torch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Literal

from neat_deep.base.errors import GraphError
from neat_deep.space.canonical import Wiring
from neat_deep.space.nodes import IDENTITY, NONE, CellNode, Edge
from neat_deep.space.showing import picture_of

__all__ = ["CELL_OUTPUTS", "IDENTITY", "MOST_INPUTS", "NONE", "CellGraph", "CellNode", "CellOutput", "Edge"]

MOST_INPUTS = 16  # a cell reads the outputs of so many cells before it at most; the published spaces have 1 and 2

CellOutput = Literal["last", "concat"]
CELL_OUTPUTS: tuple[CellOutput, ...] = ("last", "concat")


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
        if len(node.edges) == 1 and node.edges[0].gated:
            raise GraphError(f"node {index}: got a gate on its only edge, allowed: on an edge of two")
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
        used = self._wiring.used_states()
        return tuple(i for i in range(self.num_inputs) if i in used)

    def used_nodes(self) -> tuple[int, ...]:
        """The nodes, by index, that the output depends on."""
        return self._wiring.used_nodes()

    def with_plain_names(self) -> CellGraph:
        """The same cell with one name for each op: `space.op_names` knows which ops have two."""
        return self._with_nodes(self._wiring.with_plain_names())

    def prune(self) -> CellGraph:
        """The same cell without the nodes that its output does not use."""
        return self._with_nodes(self._wiring.prune())

    def canonical(self) -> CellGraph:
        """The one form that all graphs of the same network share.

        Ops get their plain names, unused nodes are dropped, nodes that only pass a value on are contracted, the edges
        of commutative aggregations are ordered, and so are the nodes. Two graphs have equal canonical forms exactly
        if one can be turned into the other by these steps: one node that is used twice stays different from two equal
        nodes.
        """
        return self._with_nodes(self._wiring.canonical())

    def canonical_as_named(self) -> CellGraph:
        """The canonical form of older programs, which took the two names of an op for two ops."""
        return self._with_nodes(self._wiring.canonical_as_named())

    def _repr_svg_(self) -> str | None:
        """The picture that a notebook shows."""
        return picture_of(self)

    def digest(self) -> str:
        """A stable name of the canonical graph: 16 hexadecimal digits of its SHA-256."""
        return hashlib.sha256(json.dumps(self._wiring.canonical().encode()).encode()).hexdigest()[:16]

    @property
    def _wiring(self) -> Wiring:
        return Wiring(self.num_inputs, self.nodes, self.output)

    def _with_nodes(self, wiring: Wiring) -> CellGraph:
        return replace(self, nodes=wiring.nodes)
