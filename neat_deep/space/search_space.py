"""The search space of a cell: what may stand at each place, and how to draw from it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError
from neat_deep.space.cell_graph import IDENTITY, NONE, CellGraph, CellNode, Edge
from neat_deep.space.op_names import plain_name

MOST_NODES = 32


@dataclass(frozen=True)
class SearchSpace:
    """Cells of 1 to `nodes` dual-input nodes, whose output is the last one.

    Each input of a node reads any state before it through one of `ops` (`none` switches the input off) and one of
    `activations`; the two are combined by one of `aggregations`. `num_inputs` is 1 (a cell reads the previous cell) or
    2 (the previous two). An op that `ops` holds under two names is one, under its plain name. Raises `ConfigError` on
    creation for a space that holds no cell.
    """

    ops: tuple[str, ...]
    activations: tuple[str, ...] = (IDENTITY, "relu")
    aggregations: tuple[str, ...] = ("add",)
    nodes: int = 6
    num_inputs: int = 1

    def __post_init__(self) -> None:
        check_range("nodes", self.nodes, low=1, high=MOST_NODES)
        check_range("num_inputs", self.num_inputs, low=1, high=2)
        for key in ("ops", "activations", "aggregations"):
            names = getattr(self, key)
            if not names:
                raise ConfigError(f"{key}: got nothing, allowed: one name or more")
            if len(set(names)) < len(names):
                raise ConfigError(f"{key}: got '{' '.join(names)}', allowed: each name once")
        object.__setattr__(self, "ops", tuple(dict.fromkeys(map(plain_name, self.ops))))
        if set(self.ops) == {NONE}:
            raise ConfigError(f"ops: got only '{NONE}', allowed: at least one other op")

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
        return CellGraph(self.num_inputs, tuple(nodes)).prune()

    def _edge(self, random: Random, states: int) -> Edge | None:
        """One input of a node that has `states` states before it; None for one that is switched off."""
        source, op, activation = random.randrange(states), random.choice(self.ops), random.choice(self.activations)
        return None if op == NONE else Edge(source, op, activation)
