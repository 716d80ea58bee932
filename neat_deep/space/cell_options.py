"""What may stand at each place of a cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from neat_deep.base.checks import check_names, check_range
from neat_deep.base.errors import ConfigError
from neat_deep.space.nodes import IDENTITY, NONE, Edge
from neat_deep.space.op_names import plain_name

MOST_NODES = 32


def plain_ops(ops: Sequence[str], key: str = "ops") -> tuple[str, ...]:
    """The ops of a space by their plain names, each once; raises `ConfigError`, which names `key`, for `none` alone."""
    plain = tuple(dict.fromkeys(map(plain_name, ops)))
    if set(plain) == {NONE}:
        raise ConfigError(f"{key}: got only '{NONE}', allowed: at least one other op")
    return plain


@dataclass(frozen=True)
class CellOptions:
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
            check_names(key, getattr(self, key))
        object.__setattr__(self, "ops", plain_ops(self.ops))

    @property
    def edge_ops(self) -> tuple[str, ...]:
        """The ops that an edge may have: all but `none`, which is no edge."""
        return tuple(op for op in self.ops if op != NONE)

    def edges_from(self, source: int) -> Iterator[Edge]:
        """Every edge that reads the state `source`."""
        for op in self.edge_ops:
            for activation in self.activations:
                yield Edge(source, op, activation)

    def edges(self, states: int) -> Iterator[Edge]:
        """Every edge of a node that has so many states before it."""
        for source in range(states):
            yield from self.edges_from(source)

    @property
    def may_switch_off(self) -> bool:
        """Whether a node may have a single edge."""
        return NONE in self.ops
