"""The genome that neat-python evolves, and its strict configuration (INI section `[CellGenome]`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import choice
from typing import Any

from neat.genome import DefaultGenome, DefaultGenomeConfig

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError, UnknownNameError, unknown_name
from neat_deep.evolution.genes import CellConnectionGene, CellNodeGene
from neat_deep.ops import ACTIVATIONS, AGGREGATIONS, list_ops
from neat_deep.space.cell_graph import NONE

SECTION = "CellGenome"

# Keys that stock neat-python lets a file omit, and the one that is ours.
OPTIONAL_KEYS = {
    "max_nodes",
    "single_structural_mutation",
    "structural_mutation_surer",
    "initial_connection",
    "weight_init_type",
    "enabled_rate_to_true_add",
    "enabled_rate_to_false_add",
    "op_default",
    "activation_default",
    "aggregation_default",
}
MOST_HIDDEN = 200  # nodes of a first genome: fully connected, more take longer to sort than to train
KINDS = {int: "a whole number", float: "a number", bool: "True, False", str: "a word", list: "names"}
INIT_TYPES = ("gaussian", "normal", "uniform")
TRUE_WORDS = ("1", "on", "yes", "true")
FALSE_WORDS = ("0", "off", "no", "false")


class CellGenomeConfig(DefaultGenomeConfig):
    """The settings of `[CellGenome]`, checked in full before neat-python reads them.

    Raises `ConfigError`, which names section and key, for an unknown or missing key, an unknown op, activation or
    aggregation, an empty option and a number out of range. neat-python itself is silent about most of these.
    """

    def __init__(self, params: dict[str, Any]) -> None:
        values = {key: value for key, value in params.items() if isinstance(value, str)}
        max_nodes = values.pop("max_nodes", "0")
        params.pop("max_nodes", None)
        params.update(node_gene_type=CellNodeGene, connection_gene_type=CellConnectionGene)
        try:
            _check_values({**values, "max_nodes": max_nodes})
        except UnknownNameError as error:
            raise ConfigError(str(error)) from None
        except ConfigError as error:
            raise ConfigError(f"[{SECTION}] {error}") from None
        # neat-python 2.0.0 takes its default here for the text 'false', which is true to Python.
        params.setdefault("single_structural_mutation", "False")
        super().__init__(params, SECTION)
        self.max_nodes = int(max_nodes)

    def save(self, f: Any) -> None:
        """Write the section's keys so that they can be read again."""
        super().save(f)
        f.write(f"max_nodes = {self.max_nodes}\n")


class CellGenome(DefaultGenome):
    """A genome whose phenotype is a cell of dual-input nodes; for stock `neat.Config` and `neat.Population`.

    `parents` are the keys of the genomes that it was crossed from, the fitter first; empty for a first genome.
    """

    def __init__(self, key: int) -> None:
        super().__init__(key)
        self.parents: tuple[int, ...] = ()

    @classmethod
    def parse_config(cls, param_dict: dict[str, Any]) -> CellGenomeConfig:
        """Read the section that `neat.Config` found."""
        return CellGenomeConfig(param_dict)

    def configure_crossover(self, genome1: CellGenome, genome2: CellGenome, config: CellGenomeConfig) -> None:
        """Cross two genomes, and remember which they were; one crossed with itself is a single parent."""
        super().configure_crossover(genome1, genome2, config)
        fitter = (genome1, genome2) if genome1.fitness > genome2.fitness else (genome2, genome1)
        self.parents = tuple(dict.fromkeys(parent.key for parent in fitter))

    def mutate(self, config: CellGenomeConfig) -> None:
        """Mutate structure, then attributes; nodes made in this call are spared the latter."""
        for node in self.nodes.values():
            node.fresh = False
        super().mutate(config)

    def mutate_add_node(self, config: CellGenomeConfig) -> None:
        """Split an enabled connection with a node that passes its input on, so the network computes the same.

        The half that leaves the new node keeps the strength of the split connection, and so its slot.
        """
        enabled = [c for c in self.connections.values() if c.enabled]
        if not enabled:
            if config.check_structural_mutation_surer():
                self.mutate_add_connection(config)
            return
        if config.max_nodes and len(self.nodes) >= config.max_nodes:
            return
        split = choice(enabled)
        source, target = split.key
        key = config.get_new_node_key(self.nodes)
        node = self.create_node(config, key)
        node.pass_on()
        node.fresh = True
        self.nodes[key] = node
        split.enabled = False
        tracker = config.innovation_tracker
        into = tracker.get_innovation_number(source, key, "add_node_in")
        out = tracker.get_innovation_number(key, target, "add_node_out")
        self.add_connection(config, source, key, 1.0, True, innovation=into)
        self.add_connection(config, key, target, split.weight, True, innovation=out)
        self._keep_order_behind(self.connections[key, target], split)

    def _keep_order_behind(self, half: CellConnectionGene, split: CellConnectionGene) -> None:
        """Let `half` stand where `split` stood among the connections into its target, whose order stays as it was.

        Equal strengths rank by innovation number, and the half's is the highest of all. A connection that would pass
        the half becomes weaker by the least step there is, and so does one that would then pass that connection.
        """
        rivals = [c for c in self.connections.values() if c.key[1] == split.key[1] and c is not half]
        last = half
        for other in sorted((c for c in rivals if c.rank > split.rank), key=lambda c: c.rank):
            if other.rank < last.rank:
                wins_ties = other.innovation < last.innovation
                other.weight = math.nextafter(last.weight, -math.inf) if wins_ties else last.weight
            last = other


def _check_values(values: Mapping[str, str]) -> None:
    known = _key_types()
    for key, value in values.items():
        if key not in known:
            raise unknown_name("key", key, known, f"[{SECTION}]")
        if "#" in value or ";" in value:
            raise ConfigError(f"{key}: got '{value}'; a comment needs a line of its own")
        if not value.strip():
            raise ConfigError(f"{key}: got nothing, allowed: {KINDS[known[key]]}")
    for key in known:
        if key not in values and key not in OPTIONAL_KEYS:
            raise ConfigError(f"the key '{key}' is missing")
    for key, value in values.items():
        _check_type(key, value, known[key])
    _check_options("op", values, {*list_ops(), NONE})
    _check_options("activation", values, ACTIVATIONS)
    _check_options("aggregation", values, AGGREGATIONS)
    _check_structure(values)


def _key_types() -> dict[str, type]:
    """Every key of the section and its type, as the gene classes and neat-python declare them."""
    types: dict[str, type] = {
        "num_inputs": int,
        "num_outputs": int,
        "num_hidden": int,
        "max_nodes": int,
        "feed_forward": bool,
        "compatibility_disjoint_coefficient": float,
        "compatibility_weight_coefficient": float,
        "conn_add_prob": float,
        "conn_delete_prob": float,
        "node_add_prob": float,
        "node_delete_prob": float,
        "single_structural_mutation": bool,
        "structural_mutation_surer": str,
        "initial_connection": str,
    }
    for gene in (CellNodeGene, CellConnectionGene):
        types.update({p.name: p.value_type for p in gene.get_config_params()})
    return types


def _check_type(key: str, value: str, kind: type) -> None:
    if kind is bool and value.lower() not in ("true", "false"):
        raise ConfigError(f"{key}: got '{value}', allowed: {KINDS[bool]}")
    if kind not in (int, float):
        return
    try:
        number = kind(value)
    except ValueError:
        raise ConfigError(f"{key}: got '{value}', allowed: {KINDS[kind]}") from None
    if key.endswith(("_prob", "_rate")) or key.startswith("enabled_rate_to_"):
        check_range(key, number, low=0, high=1)
    elif key == "num_hidden":
        check_range(key, number, low=0, high=MOST_HIDDEN)
    elif key in ("max_nodes", "weight_mutate_power", "weight_init_stdev") or "coefficient" in key:
        check_range(key, number, low=0)
    else:
        check_range(key, number)  # refuses NaN


def _check_options(prefix: str, values: Mapping[str, str], known: Mapping[str, Any] | set[str]) -> None:
    key = f"{prefix}_options"
    options = values[key].split(" ")
    if "" in options:
        raise ConfigError(f"{key}: got '{values[key]}'; names are separated by one space, with none at the end")
    for option in options:
        if option not in known:
            raise unknown_name(prefix, option, known, f"[{SECTION}] {key}")
    if len(set(options)) < len(options):
        raise ConfigError(f"{key}: got '{values[key]}'; a name stands there twice")
    if options == [NONE]:
        raise ConfigError(f"{key}: got '{NONE}' alone; at least one op must do something")
    default = values.get(f"{prefix}_default", "random")
    if default == NONE:
        raise ConfigError(f"{prefix}_default: got '{NONE}', which neat-python reads as 'random'; say random")
    if default != "random" and default not in options:
        allowed = ", ".join(["random", *(option for option in options if option != NONE)])
        raise ConfigError(f"{prefix}_default: got '{default}', allowed: {allowed}")


def _check_structure(values: Mapping[str, str]) -> None:
    if int(values["num_inputs"]) not in (1, 2):
        raise ConfigError(
            f"num_inputs: got {values['num_inputs']}, allowed: 1 (the previous cell), 2 (the previous two cells)"
        )
    if int(values["num_outputs"]) != 1:
        raise ConfigError(f"num_outputs: got {values['num_outputs']}, allowed: 1 (the cell's output)")
    if values["feed_forward"].lower() != "true":
        raise ConfigError(f"feed_forward: got {values['feed_forward']}, allowed: True")
    max_nodes, at_start = int(values["max_nodes"]), int(values["num_hidden"]) + 1
    if max_nodes and max_nodes < at_start:
        raise ConfigError(f"max_nodes: got {max_nodes}, allowed: 0 (no limit), or {at_start} (num_hidden + 1) or more")
    lowest, highest = values["weight_min_value"], values["weight_max_value"]
    if float(lowest) > float(highest):
        raise ConfigError(f"weight_min_value: got {lowest}, allowed: at most weight_max_value ({highest})")
    _check_word("weight_init_type", values.get("weight_init_type", "gaussian"), INIT_TYPES)
    _check_word("enabled_default", values["enabled_default"], (*TRUE_WORDS, *FALSE_WORDS, "random"))
    surer = values.get("structural_mutation_surer", "default")
    _check_word("structural_mutation_surer", surer, (*TRUE_WORDS, *FALSE_WORDS, "default"))
    _check_connection(values.get("initial_connection", "unconnected"))


def _check_word(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value.lower() not in allowed:
        raise ConfigError(f"{key}: got '{value}', allowed: {', '.join(allowed)}")


def _check_connection(value: str) -> None:
    kind, *fraction = value.split()
    allowed = DefaultGenomeConfig.allowed_connectivity
    if kind not in allowed:
        raise ConfigError(f"initial_connection: got '{value}', allowed: {', '.join(allowed)}")
    if kind.startswith("partial"):
        try:
            share = float(fraction[0]) if len(fraction) == 1 else math.nan
        except ValueError:
            share = math.nan
        if not 0 <= share <= 1:
            raise ConfigError(f"initial_connection: got '{value}', allowed: '{kind}' and a share from 0 to 1")
    elif fraction:
        raise ConfigError(f"initial_connection: got '{value}', allowed: '{kind}' alone")
