"""What `[CellGenome]` of an INI file sets, checked in full."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from neat.genome import DefaultGenomeConfig

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError, unknown_name
from neat_deep.base.fields import setting
from neat_deep.base.sections import register_section
from neat_deep.ops import ACTIVATIONS, AGGREGATIONS, list_ops
from neat_deep.space.cell_graph import NONE
from neat_deep.space.motif_options import MotifOptions
from neat_deep.space.search_space import SearchSpace
from neat_deep.space.skeleton_options import SkeletonOptions

SECTION = "CellGenome"
MOST_HIDDEN = 200  # nodes of a first genome: fully connected, more take longer to sort than to train

# What neat-python takes for true, false and a draw, whatever the case.
TRUE_WORDS = ("1", "on", "yes", "true")
FALSE_WORDS = ("0", "off", "no", "false")
INIT_TYPES = ("gaussian", "normal", "uniform")


@dataclass(frozen=True, kw_only=True)
class GenomeSettings(SkeletonOptions, MotifOptions):
    """The genomes of a search: their first shape, and how often what mutates.

    The keys are neat-python's, but for `max_nodes`, `shared_splits` and those of skeletons and motifs, for which
    genomes have genes where there are options; a rate or probability is a share of 0 to 1. Raises `ConfigError` or
    `UnknownNameError` on creation.
    """

    num_inputs: int
    num_outputs: int
    num_hidden: int
    max_nodes: int = 0  # 0: no limit
    feed_forward: bool
    initial_connection: str = "unconnected"
    # Whether genomes that split one connection in one generation get one node, and so line up when they are crossed
    # (Stanley, Miikkulainen, "Evolving Neural Networks through Augmenting Topologies", 2002, p. 108).
    shared_splits: bool = setting(True, before=False)

    compatibility_disjoint_coefficient: float
    compatibility_weight_coefficient: float

    node_add_prob: float
    node_delete_prob: float
    conn_add_prob: float
    conn_delete_prob: float
    # At most one change of the structure a mutation. neat-python 2.0.0 takes its own default, a text, for true.
    single_structural_mutation: bool = False
    # Whether a connection that is to be added, and is there already, is switched on; default: as the key above says.
    structural_mutation_surer: str = "default"

    op_default: str = "random"
    op_options: tuple[str, ...]
    op_mutate_rate: float
    activation_default: str = "random"
    activation_options: tuple[str, ...]
    activation_mutate_rate: float
    aggregation_default: str = "random"
    aggregation_options: tuple[str, ...]
    aggregation_mutate_rate: float

    weight_init_mean: float
    weight_init_stdev: float
    weight_init_type: str = "gaussian"  # or uniform, within two standard deviations of the mean
    weight_max_value: float
    weight_min_value: float
    weight_mutate_power: float
    weight_mutate_rate: float
    weight_replace_rate: float
    enabled_default: str
    enabled_mutate_rate: float
    enabled_rate_to_true_add: float = 0.0  # what is added to the rate for a connection that is switched off
    enabled_rate_to_false_add: float = 0.0  # and for one that is switched on

    channels_mutate_rate: float = 0.1  # of skeletons: one step in ten changes what all cells are trained in
    reductions_mutate_rate: float = 0.1
    stage_cells_mutate_rate: float = 0.1
    motif_mutate_rate: float = 0.2  # of each motif, for a step

    def __post_init__(self) -> None:
        self._check_numbers()
        self.check_skeleton_options()
        _check_options("op", self.op_options, self.op_default, {*list_ops(), NONE})
        _check_options("activation", self.activation_options, self.activation_default, ACTIVATIONS)
        _check_options("aggregation", self.aggregation_options, self.aggregation_default, AGGREGATIONS)
        self._check_structure()
        self._check_motifs()
        _check_word("weight_init_type", self.weight_init_type, INIT_TYPES)
        _check_word("enabled_default", self.enabled_default, (*TRUE_WORDS, *FALSE_WORDS, "random"))
        _check_word("structural_mutation_surer", self.structural_mutation_surer, (*TRUE_WORDS, *FALSE_WORDS, "default"))
        _check_connection(self.initial_connection)

    def _check_numbers(self) -> None:
        shares = (
            *("node_add_prob", "node_delete_prob", "conn_add_prob", "conn_delete_prob"),
            *("op_mutate_rate", "activation_mutate_rate", "aggregation_mutate_rate"),
            *("weight_mutate_rate", "weight_replace_rate", "enabled_mutate_rate"),
            *("enabled_rate_to_true_add", "enabled_rate_to_false_add"),
            *("channels_mutate_rate", "reductions_mutate_rate", "stage_cells_mutate_rate"),
            "motif_mutate_rate",
        )
        for key in shares:
            check_range(key, getattr(self, key), low=0, high=1)
        for key in (
            *("compatibility_disjoint_coefficient", "compatibility_weight_coefficient"),
            *("max_nodes", "weight_mutate_power", "weight_init_stdev"),
        ):
            check_range(key, getattr(self, key), low=0)
        for key in ("weight_init_mean", "weight_max_value", "weight_min_value"):
            check_range(key, getattr(self, key))  # refuses NaN
        check_range("num_hidden", self.num_hidden, low=0, high=MOST_HIDDEN)

    def _check_structure(self) -> None:
        if self.num_inputs not in (1, 2):
            raise ConfigError(
                f"num_inputs: got {self.num_inputs}, allowed: 1 (the previous cell), 2 (the previous two cells)"
            )
        if self.num_outputs != 1:
            raise ConfigError(f"num_outputs: got {self.num_outputs}, allowed: 1 (the cell's output)")
        if not self.feed_forward:
            raise ConfigError(f"feed_forward: got {self.feed_forward}, allowed: True")
        at_start = self.num_hidden + 1
        if self.max_nodes and self.max_nodes < at_start:
            raise ConfigError(
                f"max_nodes: got {self.max_nodes}, allowed: 0 (no limit), or {at_start} (num_hidden + 1) or more"
            )
        if self.weight_min_value > self.weight_max_value:
            raise ConfigError(
                f"weight_min_value: got {self.weight_min_value:g}, allowed: at most weight_max_value"
                f" ({self.weight_max_value:g})"
            )

    def _check_motifs(self) -> None:
        if self.motifs and not self.max_nodes:
            raise ConfigError("max_nodes: got 0 (no limit), allowed with motifs: 1 or more")
        self.check_motif_options(self.max_nodes, self.op_options)

    def spaces_of_motifs(self) -> dict[str, SearchSpace]:
        """The space of each motif, by name."""
        if not self.motifs:
            return {}
        return self.motif_spaces(SearchSpace(self.op_options, self.activation_options, self.aggregation_options))


register_section(SECTION, GenomeSettings)


def _check_options(prefix: str, options: tuple[str, ...], default: str, known: Collection[str]) -> None:
    key = f"{prefix}_options"
    for option in options:
        if option not in known:
            raise unknown_name(prefix, option, known, key)
    if len(set(options)) < len(options):
        raise ConfigError(f"{key}: got '{' '.join(options)}'; a name stands there twice")
    if options == (NONE,):
        raise ConfigError(f"{key}: got '{NONE}' alone; at least one op must do something")
    if default == NONE:
        raise ConfigError(f"{prefix}_default: got '{NONE}', which neat-python reads as 'random'; say random")
    if default != "random" and default not in options:
        allowed = ", ".join(["random", *(option for option in options if option != NONE)])
        raise ConfigError(f"{prefix}_default: got '{default}', allowed: {allowed}")


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
