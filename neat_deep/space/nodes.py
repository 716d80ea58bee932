"""What a cell is made of: nodes, and the edges that they read."""

from __future__ import annotations

from dataclasses import dataclass, field

NONE = "none"  # switches a slot off in a genome or a supernet; a graph leaves the edge out instead
IDENTITY = "identity"  # the op, and the activation, that passes its input on


@dataclass(frozen=True)
class Edge:
    """One input slot of a node: state `source` passes `op`, then `activation`.

    A `gated` edge has a learnable gate g behind its activation: its value v becomes n + g (v - n), where n is the
    neutral value of the node's aggregation (0 for `add`, 1 for `mul`). The gate starts at zero, so a new gated edge
    changes nothing that a network computes; at one it is an ordinary edge.
    """

    source: int
    op: str
    activation: str = IDENTITY
    gated: bool = False

    @property
    def label(self) -> tuple[str, str, bool]:
        """What the edge does, wherever it reads: such tuples can be sorted."""
        return self.op, self.activation, self.gated


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
