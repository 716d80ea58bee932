"""The search space of a cell: how to draw from it, how to step through it, and how to describe what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from random import Random
from typing import Any

from neat_deep.space.cell_decisions import all_cells, cell_decisions, cell_values, decide_cell
from neat_deep.space.cell_encoding import encode_cell
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.space.cell_moves import KINDS
from neat_deep.space.cell_options import MOST_NODES, CellOptions
from neat_deep.space.nodes import NONE
from neat_deep.space.points import Decision

__all__ = ["MOST_NODES", "SearchSpace"]


@dataclass(frozen=True)
class SearchSpace(CellOptions):
    """The cells that `CellOptions` describes, as a `Space`: its points are cells that use all their nodes.

    The key of a cell is its digest. A step changes one op, source, activation or aggregation, or adds or removes one
    edge or node; the other nodes keep their keys, and so can inherit weights.
    """

    def sample(self, random: Random) -> CellGraph:
        """A cell: the number of nodes, and then every choice of every node, drawn with equal chances.

        Nodes that the output does not use are dropped, so small cells come more often than their share.
        """
        nodes: list[CellNode] = []
        for index in range(random.randint(1, self.nodes)):
            edges: list[Edge] = []
            while not edges:  # both inputs off: drawn again
                drawn = [self._edge(random, self.num_inputs + index) for _ in range(2)]
                edges = [edge for edge in drawn if edge is not None]
            nodes.append(CellNode(tuple(edges), random.choice(self.aggregations), key=index))
        return self._point(CellGraph(self.num_inputs, tuple(nodes)))

    def _point(self, cell: CellGraph) -> CellGraph:
        """The cell without unused nodes, and with the first aggregation where a node has a single edge."""
        plain = self.aggregations[0]
        nodes = cell.prune().nodes
        return replace(cell, nodes=tuple(n if len(n.edges) == 2 else replace(n, aggregation=plain) for n in nodes))

    def _edge(self, random: Random, states: int) -> Edge | None:
        """One input of a node that has `states` states before it; None for one that is switched off."""
        source, op, activation = random.randrange(states), random.choice(self.ops), random.choice(self.activations)
        return None if op == NONE else Edge(source, op, activation)

    def key(self, point: CellGraph) -> str:
        """The cell's digest."""
        return _digest(point)

    def mutate(self, point: CellGraph, random: Random) -> CellGraph:
        """Another network one step away: each kind of step has an equal chance, and each step of that kind.

        The cell itself where every step leads to the same network.
        """
        own = point.digest()
        kinds = [list(kind(self, point)) for kind in KINDS]
        while kinds := [steps for steps in kinds if steps]:
            steps = random.choice(kinds)
            cell = self._point(steps.pop(random.randrange(len(steps))))
            if cell.digest() != own:
                return cell
        return point

    def neighbours(self, point: CellGraph) -> list[CellGraph]:
        """Every other network one step away, once each."""
        cells = {point.digest(): point}
        for kind in KINDS:
            for step in kind(self, point):
                cell = self._point(step)
                cells.setdefault(cell.digest(), cell)
        return list(cells.values())[1:]

    def enumerate(self) -> Iterator[CellGraph]:
        """Every network once, in the smallest cell that holds it; cells of fewer nodes come first."""
        seen = set()
        for cell in all_cells(self):
            digest = cell.digest()
            if digest not in seen:
                seen.add(digest)
                yield cell

    def count(self, most: int) -> int:
        """How many networks the space holds; `most` + 1 for more than `most`."""
        return most + 1 if self.at_least() > most else _count(self, most)

    def at_least(self) -> int:
        """A number of networks that the space holds for certain, known at once where a count takes minutes.

        They are the cells whose nodes have two edges each, one of which reads the state before: their order is fixed,
        and no node only passes a value on, so no two of them are one network.
        """
        edges = len(self.edge_ops) * len(self.activations)  # that read one state
        count = 1
        for older in range(self.num_inputs - 1, self.num_inputs - 1 + self.nodes):  # states before the one before
            count *= len(self.aggregations) * (edges * (edges + 1) // 2 + edges * edges * older)
        return count

    def encode(self, point: CellGraph) -> tuple[float, ...]:
        """The canonical cell as ones and zeros, and how often it has each op: see `encode_cell`."""
        return encode_cell(self, point)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """How many nodes, then for each of them the op, source and activation of both inputs, and the aggregation."""
        return _decisions(self)

    def values(self, point: CellGraph) -> tuple[int, ...]:
        """The decisions that make the cell; 0 for each that does not count."""
        return cell_values(self, point)

    def decide(self, values: Sequence[int]) -> CellGraph:
        """The cell that decisions make; what its output does not use is dropped."""
        return decide_cell(self, values)

    def to_json(self, point: CellGraph) -> Any:
        """The cell's decisions and its nodes' keys."""
        return [list(self.values(point)), [node.key for node in point.nodes]]

    def from_json(self, data: Any) -> CellGraph:
        """The cell that `to_json` gave; raises `LookupError`, `TypeError` or `ValueError` for anything else."""
        values, keys = data
        cell = self.decide(values)
        nodes = tuple(replace(node, key=key) for node, key in zip(cell.nodes, keys, strict=True))
        return replace(cell, nodes=nodes)


@lru_cache(maxsize=4096)
def _digest(cell: CellGraph) -> str:
    """The same cells come again and again where a space is nearly exhausted, and a digest takes its time."""
    return cell.digest()


@lru_cache(maxsize=16)
def _decisions(space: SearchSpace) -> tuple[Decision, ...]:
    return cell_decisions(space)


@lru_cache(maxsize=16)
def _count(space: SearchSpace, most: int) -> int:
    """A digest takes its time, and a search asks more than once: before anything is written, and when it begins."""
    return sum(1 for _ in islice(space.enumerate(), most + 1))
