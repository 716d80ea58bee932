"""neat-python with our classes in the place of its own, as its own test suite meets them: `pytest -p stock_adapter`.

The genomes of that suite are networks of numbers with any number of inputs and outputs, so the adapter translates their
configuration, lifts the bounds of ours on inputs, outputs and cycles, and gives each node what a network of numbers
asks of it. What it changes is about that; mutation, crossover, distance, reproduction and storing are ours as they are.
"""

from __future__ import annotations

from typing import Any

import neat
import neat.genome
import neat.reproduction
from neat.activations import ActivationFunctionSet
from neat.aggregations import AggregationFunctionSet

from neat_deep.base.errors import ConfigError
from neat_deep.evolution import genome as ours
from neat_deep.evolution.genes import CellNodeGene
from neat_deep.evolution.genome import CellGenome
from neat_deep.evolution.genome_settings import GenomeSettings
from neat_deep.evolution.reproduction import CellReproduction
from neat_deep.ops import ACTIVATIONS

SUMS = {"sum": "add", "product": "mul"}
ADDED = {"op_options": "identity sep_conv_3 max_pool_3 none", "op_mutate_rate": "0.1"}
SCALAR = ("bias_", "response_", "time_constant_")


class Node(CellNodeGene):
    """A node with what a network of numbers reads of it."""

    bias = 0.0
    response = 1.0
    time_constant = 1.0
    activation = "sigmoid"


class DefaultGenome(CellGenome):
    """Our genome under the stock name."""

    @classmethod
    def parse_config(cls, param_dict: dict[str, Any]) -> Any:
        """The stock section, translated; raises `RuntimeError` as the stock class does."""
        try:
            config = super().parse_config(_translate(param_dict))
        except ConfigError as error:
            raise RuntimeError(str(error)) from None
        for stock, name in SUMS.items():
            config.aggregation_function_defs.add(name, AggregationFunctionSet().get(stock))
        return config


class DefaultReproduction(CellReproduction):
    """Our reproduction under the stock name."""

    @classmethod
    def parse_config(cls, param_dict: dict[str, str]) -> Any:
        """The stock section; raises `NameError` for an unknown key, as the stock class does."""
        try:
            return super().parse_config(param_dict)
        except ConfigError as error:
            raise (NameError if "unknown key" in str(error) else RuntimeError)(str(error)) from None


def _translate(stock: dict[str, Any]) -> dict[str, Any]:
    texts = {**ADDED, **{key: text for key, text in stock.items() if not key.startswith(SCALAR)}}
    known = {name for name in ActivationFunctionSet().functions if name not in ACTIVATIONS}
    texts["activation_options"] = _without(known, texts["activation_options"]) or "identity"
    sums = [SUMS.get(name, name) for name in texts["aggregation_options"].split()]
    texts["aggregation_options"] = _without(set(AggregationFunctionSet().functions), " ".join(sums)) or "add"
    texts["aggregation_default"] = SUMS.get(texts["aggregation_default"], texts["aggregation_default"])
    return texts


def _without(names: set[str], options: str) -> str:
    return " ".join(option for option in options.split() if option not in names)


ours.GENES["node_gene_type"] = Node
GenomeSettings._check_structure = lambda self: None  # type: ignore[method-assign]
neat.DefaultGenome = neat.genome.DefaultGenome = DefaultGenome
neat.DefaultReproduction = neat.reproduction.DefaultReproduction = DefaultReproduction
