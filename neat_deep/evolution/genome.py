"""The genome that neat-python evolves, and its configuration (INI section `[CellGenome]`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import copy
from random import choice
from types import MappingProxyType
from typing import Any

from neat.genome import DefaultGenome, DefaultGenomeConfig

from neat_deep.base.errors import ConfigError, NeatDeepError
from neat_deep.base.fields import read_texts, text_of, values_of
from neat_deep.evolution.genes import CellConnectionGene, CellNodeGene, MotifGenes, SkeletonGene
from neat_deep.evolution.genome_settings import SECTION, GenomeSettings
from neat_deep.evolution.installed import installed_keys, with_keys
from neat_deep.evolution.splits import Split, split_connection
from neat_deep.space.motif_options import MotifOptions
from neat_deep.space.search_space import SearchSpace
from neat_deep.space.skeleton_options import SkeletonOptions


class CellGenomeConfig(DefaultGenomeConfig):
    """The settings of `[CellGenome]` as neat-python has them, checked in full before it reads them.

    Raises `ConfigError`, which names section and key. neat-python itself is silent about most of what can be wrong.
    """

    # As in a checkpoint of neat-python's that an older version wrote.
    shared_splits = False
    skeletons: SkeletonOptions = SkeletonOptions()
    motifs: MotifOptions = MotifOptions()
    motif_spaces: Mapping[str, SearchSpace] = MappingProxyType({})

    def __init__(self, params: dict[str, Any]) -> None:
        texts = {key: value for key, value in params.items() if isinstance(value, str)}
        try:
            settings = read_texts(installed_genome_settings(), texts)
        except NeatDeepError as error:
            raise ConfigError(f"[{SECTION}] {error}") from None
        checked: dict[str, Any] = {key: text_of(value) for key, value in values_of(settings).items()}
        checked.update(GENES)
        super().__init__(checked, SECTION)
        self.skeletons = settings.skeleton_options()
        for key in OWN_KEYS:
            setattr(self, key, getattr(settings, key))
        self.motifs = settings.motif_options()
        self.motif_spaces = settings.spaces_of_motifs()
        self.op_options: list[str] = [*settings.op_options, *self.motif_spaces]  # nodes draw their ops from these

    @property
    def plain_op_options(self) -> list[str]:
        """The ops that nodes may draw, but for motifs."""
        return [name for name in self.op_options if name not in self.motif_spaces]

    def add_activation(self, name: str, func: Any) -> None:
        """Refuse, since it would have no effect on our networks; raises `ConfigError`."""
        raise ConfigError(_other_way("activation", name, "def of(x): ...", func))

    def add_aggregation(self, name: str, func: Any) -> None:
        """Refuse, since it would have no effect on our networks; raises `ConfigError`."""
        raise ConfigError(_other_way("aggregation", name, "def of(a, b): ...", func))

    def save(self, f: Any) -> None:
        """Write the section's keys so that they can be read again."""
        plain = copy(self)
        plain.op_options = self.plain_op_options
        DefaultGenomeConfig.save(plain, f)
        own = {key: getattr(self, key) for key in OWN_KEYS} | values_of(self.skeletons) | values_of(self.motifs)
        f.writelines(f"{key} = {text_of(value)}\n" for key, value in own.items())


def _other_way(kind: str, name: str, code: str, func: Any) -> str:
    return (
        f"add_{kind}('{name}'): got {getattr(func, '__qualname__', func)}, a function of numbers, but ours are of "
        f"torch tensors; allowed: @neat_deep.register_{kind}('{name}') before {code}, and {kind}_options that name it"
    )


def installed_genome_settings() -> type[Any]:
    """`GenomeSettings` with the keys that the installed neat-python knows beside ours."""
    words = {"initial_connection": "unconnected", "structural_mutation_surer": "default"}
    return with_keys(GenomeSettings, installed_keys(_parse_stock, **GENES, **words))


# The keys of the section that neat-python does not know, but for the options of skeletons and motifs.
OWN_KEYS = (
    *("max_nodes", "shared_splits"),
    *("channels_mutate_rate", "reductions_mutate_rate", "stage_cells_mutate_rate", "motif_mutate_rate"),
)
GENES = {"node_gene_type": CellNodeGene, "connection_gene_type": CellConnectionGene}


def _parse_stock(params: Any) -> DefaultGenomeConfig:
    return DefaultGenomeConfig(params, SECTION)


class CellGenome(DefaultGenome):
    """A genome whose phenotype is a cell of dual-input nodes; for stock `neat.Config` and `neat.Population`.

    `parents` are the keys of the genomes that it was crossed from, the fitter first; empty for a first genome.
    `skeleton` is its gene for what the cell is stacked in, `motifs` are those of the cell; None where the configuration
    has no options for that.
    """

    # As in a checkpoint of neat-python's that an older version wrote.
    skeleton: SkeletonGene | None = None
    motifs: MotifGenes | None = None

    def __init__(self, key: int) -> None:
        super().__init__(key)
        self.parents: tuple[int, ...] = ()

    @classmethod
    def parse_config(cls, param_dict: dict[str, Any]) -> CellGenomeConfig:
        """Read the section that `neat.Config` found."""
        return CellGenomeConfig(param_dict)

    def configure_new(self, config: CellGenomeConfig) -> None:
        """Become a first genome."""
        super().configure_new(config)
        if config.motif_spaces:
            self.motifs = MotifGenes.drawn(config.motif_spaces)
        if config.skeletons.are_given:
            self.skeleton = SkeletonGene.drawn(config.skeletons)

    def configure_crossover(
        self, genome1: CellGenome, genome2: CellGenome, config: CellGenomeConfig, **options: Any
    ) -> None:
        """Cross two genomes, and remember which they were; one crossed with itself is a single parent.

        `options` are what the installed neat-python says of a crossover beyond that.
        """
        super().configure_crossover(genome1, genome2, config, **options)
        fitter = (genome1, genome2) if genome1.fitness > genome2.fitness else (genome2, genome1)
        self.parents = tuple(dict.fromkeys(parent.key for parent in fitter))
        if genome1.skeleton is not None and genome2.skeleton is not None:
            self.skeleton = genome1.skeleton.crossover(genome2.skeleton)
        if genome1.motifs is not None and genome2.motifs is not None:
            self.motifs = genome1.motifs.crossover(genome2.motifs)

    def mutate(self, config: CellGenomeConfig) -> None:
        """Mutate structure, then attributes; nodes made in this call are spared the latter."""
        for node in self.nodes.values():
            node.fresh = False
        super().mutate(config)
        if self.skeleton is not None:
            self.skeleton.mutate(config)
        if self.motifs is not None:
            self.motifs.mutate(config)

    def distance(self, other: CellGenome, config: CellGenomeConfig) -> float:
        """neat-python's distance, and that of the genes of skeletons and motifs."""
        distance: float = super().distance(other, config)
        if self.skeleton is not None and other.skeleton is not None:
            distance += self.skeleton.distance(other.skeleton, config)
        if self.motifs is not None and other.motifs is not None:
            distance += self.motifs.distance(other.motifs, config)
        return distance

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
        numbers = self._number(split, config)
        if numbers.node in self.nodes:  # this genome split that connection already in this generation
            return
        node = self.create_node(config, numbers.node)
        node.pass_on()
        node.fresh = True
        self.nodes[numbers.node] = node
        split.enabled = False
        self.add_connection(config, source, numbers.node, 1.0, True, innovation=numbers.into)
        self.add_connection(config, numbers.node, target, split.weight, True, innovation=numbers.out)
        self._keep_order_behind(self.connections[numbers.node, target], split)

    def _number(self, split: CellConnectionGene, config: CellGenomeConfig) -> Split:
        """The numbers of a split's parts: those of the whole generation, but in older runs the genome's own."""
        tracker, (source, target) = config.innovation_tracker, split.key
        if config.shared_splits:
            return split_connection(tracker, source, target, lambda: config.get_new_node_key(self.nodes))
        key = config.get_new_node_key(self.nodes)
        into = tracker.get_innovation_number(source, key, "add_node_in")
        return Split(key, into, tracker.get_innovation_number(key, target, "add_node_out"))

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
