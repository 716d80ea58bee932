"""The genes of a cell genome: dual-input nodes, and connections whose weight is a strength."""

from __future__ import annotations

from neat.attributes import StringAttribute
from neat.config import ConfigParameter
from neat.genes import BaseGene, DefaultConnectionGene

from neat_deep.space.cell_graph import IDENTITY, NONE


class SlotAttribute(StringAttribute):
    """A choice from a list whose INI keys carry `prefix`, so that both slots of a node share one set of keys."""

    def __init__(self, name: str, prefix: str) -> None:
        self._prefix = prefix
        super().__init__(name)

    def config_item_name(self, config_item_base_name: str) -> str:
        """The INI key of a setting of this attribute, `op_options` for example."""
        return f"{self._prefix}_{config_item_base_name}"


class CellNodeGene(BaseGene):
    """A node: op and activation of its two input slots, and how the two results are combined.

    `fresh` marks a node that the running `mutate` call made; it is spared attribute mutation in that call.
    """

    _gene_attributes = (
        SlotAttribute("op_1", "op"),
        SlotAttribute("activation_1", "activation"),
        SlotAttribute("op_2", "op"),
        SlotAttribute("activation_2", "activation"),
        SlotAttribute("aggregation", "aggregation"),
    )

    op_1: str
    activation_1: str
    op_2: str
    activation_2: str
    aggregation: str
    fresh = False

    @classmethod
    def get_config_params(cls) -> list[ConfigParameter]:
        """The INI keys, each once: shared keys that appear twice would make `Config.save` write them twice."""
        by_name = {p.name: p for attribute in cls._gene_attributes for p in attribute.get_config_params()}
        return list(by_name.values())

    def pass_on(self) -> None:
        """Make the node hand its first input on unchanged."""
        self.op_1, self.activation_1 = IDENTITY, IDENTITY
        self.op_2, self.activation_2 = NONE, IDENTITY
        self.aggregation = "add"

    def mutate(self, config: object) -> None:
        """Mutate each attribute at its rate, unless the node is fresh."""
        if not self.fresh:
            super().mutate(config)

    def distance(self, other: CellNodeGene, config: object) -> float:
        """The number of attributes that differ, times `compatibility_weight_coefficient`."""
        different = sum(getattr(self, a.name) != getattr(other, a.name) for a in self._gene_attributes)
        return float(different * config.compatibility_weight_coefficient)  # type: ignore[attr-defined]


class CellConnectionGene(DefaultConnectionGene):
    """A connection; `weight` is its strength: the two strongest enabled ones into a node feed its two slots."""

    @property
    def rank(self) -> tuple[float, int]:
        """What orders the connections into a node: the lowest is the strongest, and of equals the oldest."""
        return -self.weight, self.innovation
