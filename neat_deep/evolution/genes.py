"""The genes of a genome: dual-input nodes, connections whose weight is a strength, skeleton and motifs."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random, choice, random, randrange
from typing import Any

from neat.attributes import StringAttribute
from neat.config import ConfigParameter
from neat.genes import BaseGene, DefaultConnectionGene

from neat_deep.space.cell_graph import IDENTITY, NONE, CellGraph
from neat_deep.space.search_space import SearchSpace
from neat_deep.space.skeleton_options import CHANNELS, REDUCTIONS, SkeletonOptions


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


class SkeletonGene:
    """What the cell is stacked in: `values` are the decisions of `SkeletonOptions`, in their order.

    Decisions that do not count, as the cells of a stage that is not there, are kept: they count again when it is.
    """

    def __init__(self, values: tuple[int, ...]) -> None:
        self.values = values

    @classmethod
    def drawn(cls, options: SkeletonOptions) -> SkeletonGene:
        """A gene whose decisions are all drawn with equal chances."""
        return cls(tuple(randrange(len(decision.options)) for decision in options.decisions))

    def mutate(self, config: Any) -> None:
        """Draw each decision anew at the rate of its kind."""
        rates = {CHANNELS: config.channels_mutate_rate, REDUCTIONS: config.reductions_mutate_rate}
        values = []
        for value, decision in zip(self.values, config.skeletons.decisions, strict=True):
            rate = rates.get(decision.name, config.stage_cells_mutate_rate)
            values.append(randrange(len(decision.options)) if random() < rate else value)
        self.values = tuple(values)

    def crossover(self, other: SkeletonGene) -> SkeletonGene:
        """A gene that has each decision of either parent, with equal chances."""
        return SkeletonGene(tuple(choice(pair) for pair in zip(self.values, other.values, strict=True)))

    def distance(self, other: SkeletonGene, config: Any) -> float:
        """The number of decisions that differ, times `compatibility_weight_coefficient`."""
        different = sum(own != its for own, its in zip(self.values, other.values, strict=True))
        return float(different * config.compatibility_weight_coefficient)


class MotifGenes:
    """The motifs of a genome: each is a graph of its own, by its name."""

    def __init__(self, graphs: Mapping[str, CellGraph]) -> None:
        self.graphs = dict(graphs)

    @classmethod
    def drawn(cls, spaces: Mapping[str, SearchSpace]) -> MotifGenes:
        """Genes that are all drawn by chance."""
        return cls({name: space.sample(_generator()) for name, space in spaces.items()})

    def mutate(self, config: Any) -> None:
        """Let each motif take a step in its space, with a chance of `motif_mutate_rate`."""
        for name, space in config.motif_spaces.items():
            if random() < config.motif_mutate_rate:
                self.graphs[name] = space.mutate(self.graphs[name], _generator())

    def crossover(self, other: MotifGenes) -> MotifGenes:
        """Genes that have each motif of either parent, with equal chances."""
        return MotifGenes({name: choice((graph, other.graphs[name])) for name, graph in self.graphs.items()})

    def distance(self, other: MotifGenes, config: Any) -> float:
        """The number of motifs that differ, times `compatibility_weight_coefficient`."""
        different = sum(graph != other.graphs[name] for name, graph in self.graphs.items())
        return float(different * config.compatibility_weight_coefficient)


def _generator() -> Random:
    """A generator for a space, which takes one; neat-python draws from Python's own."""
    return Random(randrange(2**63))
