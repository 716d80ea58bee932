"""What may stand at each place of a cell."""

from __future__ import annotations

from dataclasses import dataclass

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError
from neat_deep.space.nodes import IDENTITY, NONE
from neat_deep.space.op_names import plain_name

MOST_NODES = 32


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
            names = getattr(self, key)
            if not names:
                raise ConfigError(f"{key}: got nothing, allowed: one name or more")
            if len(set(names)) < len(names):
                raise ConfigError(f"{key}: got '{' '.join(names)}', allowed: each name once")
        object.__setattr__(self, "ops", tuple(dict.fromkeys(map(plain_name, self.ops))))
        if set(self.ops) == {NONE}:
            raise ConfigError(f"ops: got only '{NONE}', allowed: at least one other op")

    @property
    def edge_ops(self) -> tuple[str, ...]:
        """The ops that an edge may have: all but `none`, which is no edge."""
        return tuple(op for op in self.ops if op != NONE)

    @property
    def may_switch_off(self) -> bool:
        """Whether a node may have a single edge."""
        return NONE in self.ops
