"""What `[Search]` and `[SearchSpace]` of an INI file set: which strategy searches, and where."""

from __future__ import annotations

from dataclasses import dataclass

from neat_deep.base.checks import check_range
from neat_deep.base.errors import unknown_name
from neat_deep.ops import ACTIVATIONS, AGGREGATIONS, list_ops
from neat_deep.space.cell_graph import IDENTITY, NONE
from neat_deep.space.search_space import SearchSpace

NEAT = "neat"  # searched by neat-python's own loop


@dataclass(frozen=True)
class SearchSettings:
    """Which strategy searches. `generation_size` candidates are asked for and scored together."""

    strategy: str = NEAT
    generation_size: int = 12

    def __post_init__(self) -> None:
        check_range("generation_size", self.generation_size, low=1, high=100_000)


@dataclass(frozen=True)
class SpaceSettings:
    """The cells that a strategy of the registry may propose."""

    op_options: tuple[str, ...]
    activation_options: tuple[str, ...] = (IDENTITY, "relu")
    aggregation_options: tuple[str, ...] = ("add",)
    nodes: int = 6
    num_inputs: int = 1

    def __post_init__(self) -> None:
        known: dict[str, tuple[str, list[str]]] = {
            "op_options": ("op", [*list_ops(), NONE]),
            "activation_options": ("activation", list(ACTIVATIONS)),
            "aggregation_options": ("aggregation", list(AGGREGATIONS)),
        }
        for key, (kind, names) in known.items():
            for name in getattr(self, key):
                if name not in names:
                    raise unknown_name(kind, name, names, key)
        self.space()

    def space(self) -> SearchSpace:
        """The search space."""
        return SearchSpace(
            self.op_options, self.activation_options, self.aggregation_options, self.nodes, self.num_inputs
        )
