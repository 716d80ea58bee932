"""The search space of one cell: what may stand on every edge, and how many nodes and edges there are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from neat_deep.base.checks import check_choice, check_names, check_range
from neat_deep.base.errors import unknown_name
from neat_deep.ops import ACTIVATIONS, get_op, list_ops
from neat_deep.space.cell_graph import CELL_OUTPUTS, IDENTITY, NONE, CellOutput
from neat_deep.space.cell_options import plain_ops

# Aggregations with a relaxation over any number of edges: see `darts.mixed.combine`.
RELAXED_AGGREGATIONS = ("add", "mul")


@dataclass(frozen=True)
class Candidate:
    """What one edge may hold: an op and the activation after it. `none` has no activation."""

    op: str
    activation: str = IDENTITY

    @property
    def is_free(self) -> bool:
        """Whether it has no weights."""
        return self.op == NONE or not get_op(self.op).parametric

    def __str__(self) -> str:
        return self.op if self.activation == IDENTITY else f"{self.op} {self.activation}"


@dataclass(frozen=True)
class SearchSpace:
    """Cells of `nodes` nodes, each of which reads every earlier state through every candidate.

    `num_inputs` is 1 (a cell reads the previous cell) or 2 (the previous two); `output` is `last` (the last node) or
    `concat` (all nodes side by side). An op that `ops` holds under two names is one candidate, under its plain name.
    Raises `ConfigError` or `UnknownNameError` on creation for what no search could use.
    """

    ops: tuple[str, ...]
    activations: tuple[str, ...] = (IDENTITY, "relu")
    aggregations: tuple[str, ...] = ("add",)
    nodes: int = 4
    num_inputs: int = 2
    output: CellOutput = "last"

    def __post_init__(self) -> None:
        check_range("nodes", self.nodes, low=1, high=32)
        check_range("num_inputs", self.num_inputs, low=1, high=2)
        check_choice("output", self.output, CELL_OUTPUTS)
        for key in ("ops", "activations", "aggregations"):
            check_names(key, getattr(self, key))
        known = [*list_ops(), NONE]
        for name in self.ops:
            if name not in known:
                raise unknown_name("op", name, known, "ops")
        object.__setattr__(self, "ops", plain_ops(self.ops))
        for name in self.activations:
            if name not in ACTIVATIONS:
                raise unknown_name("activation", name, ACTIVATIONS, "activations")
        for name in self.aggregations:
            check_choice("aggregations", name, RELAXED_AGGREGATIONS)

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """All candidates of an edge: `none` first where it is one, then each op with each activation."""
        first = (Candidate(NONE),) if NONE in self.ops else ()
        return first + tuple(Candidate(op, a) for op in self.real_ops for a in self.activations)

    @property
    def first_real(self) -> int:
        """The row, among the candidates, of the first with a real op: 1 where `none` is a candidate, else 0."""
        return int(NONE in self.ops)

    @cached_property
    def real_ops(self) -> tuple[str, ...]:
        """The ops other than `none`."""
        return tuple(op for op in self.ops if op != NONE)

    @cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """All (node, source state) pairs, node by node; the states are numbered as in `CellGraph`."""
        return tuple((node, source) for node in range(self.nodes) for source in range(self.num_inputs + node))

    def edges_into(self, node: int) -> range:
        """The numbers, in `edges`, of the edges that `node` reads."""
        start = node * self.num_inputs + node * (node - 1) // 2
        return range(start, start + self.num_inputs + node)
