"""A neat-python population as plain data, and back: enough of it that the search continues as if never stopped.

Only public names of neat-python are read and set. Its counters are `itertools.count` objects, which tell their value
only by giving it away; `capture` puts readable ones in their place, with the same values. Attributes that only a
newer neat-python has are kept too.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import neat
import numpy as np
import torch
from neat.species import Species

from neat_deep.base.errors import StoreError
from neat_deep.evolution.genes import CellConnectionGene, CellNodeGene, MotifGenes, SkeletonGene
from neat_deep.evolution.genome import CellGenome
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge

NODE_ATTRIBUTES = ("op_1", "activation_1", "op_2", "activation_2", "aggregation")

# The attributes of neat-python 2.0 that are kept by name, or made anew; others are kept as they are.
POPULATION = frozenset(
    {
        *("reporters", "config", "reproduction", "fitness_criterion", "population", "species", "generation"),
        "best_genome",
    }
)
SPECIES_SET = frozenset({"species_set_config", "reporters", "indexer", "species", "genome_to_species"})
TRACKER = frozenset({"global_counter", "generation_innovations"})  # the latter is cleared before it is read again
SPECIES = frozenset(
    {
        *("key", "created", "last_improved", "representative", "members", "fitness", "adjusted_fitness"),
        "fitness_history",
    }
)

GenomeData = dict[str, Any]  # what `encode_genome` gives


@dataclass(frozen=True)
class SpeciesState:
    """One species; `members` and `representative` are genome keys, `history` its fitness in each generation."""

    key: int
    created: int
    last_improved: int
    representative: int
    members: tuple[int, ...]
    fitness: float | None
    adjusted_fitness: float | None
    history: tuple[float, ...]


@dataclass(frozen=True)
class Counters:
    """The next genome, species and node key (None: not begun), and the last innovation number."""

    next_genome: int
    next_species: int
    next_node: int | None
    last_innovation: int


@dataclass(frozen=True)
class RandomStates:
    """The states of the global generators of Python and NumPy, as JSON would hold them, and of torch."""

    python: list[Any]
    numpy: list[Any]
    torch: bytes

    @classmethod
    def now(cls) -> RandomStates:
        """As the generators stand."""
        version, words, gauss = random.getstate()
        name, keys, *rest = np.random.get_state()  # type: ignore[misc]
        return cls(
            [version, list(words), gauss],
            [name, [int(key) for key in keys], *rest],  # type: ignore[union-attr]
            torch.get_rng_state().numpy().tobytes(),
        )

    def apply(self) -> None:
        """Set the generators."""
        version, words, gauss = self.python
        random.setstate((version, tuple(words), gauss))
        name, keys, *rest = self.numpy
        np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
        torch.set_rng_state(torch.frombuffer(bytearray(self.torch), dtype=torch.uint8))


@dataclass(frozen=True)
class PopulationState:
    """A population that waits for its fitnesses, at the beginning of `generation`."""

    generation: int
    genomes: tuple[GenomeData, ...]
    species: tuple[SpeciesState, ...]
    counters: Counters
    random: RandomStates
    best_genome: GenomeData | None = None
    ancestors: dict[int, tuple[int, ...]] = field(default_factory=dict)
    others: dict[str, dict[str, Any]] = field(default_factory=dict)  # further attributes, by whose they are


class ReadableCount(Iterator[int]):
    """As `itertools.count`, but `following` tells the next number without taking it."""

    def __init__(self, following: int) -> None:
        self.following = following

    def __next__(self) -> int:
        self.following += 1
        return self.following - 1


def capture(population: neat.Population, generation: int) -> PopulationState:
    """The state of a population at the beginning of `generation`, with the global random states.

    `ancestors` tells the parents of the population's own genomes only. Raises `StoreError` for a neat-python that keeps
    something in it that cannot be stored.
    """
    reproduction, genome_config = population.reproduction, population.config.genome_config
    counters = Counters(
        next_genome=_make_readable(reproduction, "genome_indexer"),
        next_species=_make_readable(population.species, "indexer"),
        next_node=None if genome_config.node_indexer is None else _make_readable(genome_config, "node_indexer"),
        last_innovation=reproduction.innovation_tracker.global_counter,
    )
    best = population.best_genome
    return PopulationState(
        generation=generation,
        genomes=tuple(encode_genome(genome) for genome in population.population.values()),
        species=tuple(_encode_species(species) for species in population.species.species.values()),
        counters=counters,
        random=RandomStates.now(),
        best_genome=None if best is None else encode_genome(best),
        ancestors={key: tuple(reproduction.ancestors.get(key, ())) for key in population.population},
        others={name: _others(name, owner, known) for name, (owner, known) in _owners(population).items()},
    )


def restore(config: neat.Config, state: PopulationState) -> neat.Population:
    """A stock population in the captured state; sets the global random states.

    The reporters of the first population are not part of it. Raises `StoreError` for a state that contradicts itself.
    """
    genomes = {data["key"]: decode_genome(data) for data in state.genomes}
    config = with_own_species_config(config)
    species_set = config.species_set_type(config.species_set_config, None)
    for entry in state.species:
        if not set(entry.members) <= set(genomes) or entry.representative not in genomes:
            raise StoreError(f"species {entry.key} of generation {state.generation} has members that are not there")
        species_set.species[entry.key] = _decode_species(entry, genomes)
    for key in sorted(species_set.species):
        species_set.genome_to_species.update(dict.fromkeys(species_set.species[key].members, key))
    population = neat.Population(config, initial_state=(genomes, species_set, state.generation))
    reproduction, counters = population.reproduction, state.counters
    reproduction.genome_indexer = ReadableCount(counters.next_genome)
    reproduction.ancestors.update(state.ancestors)
    species_set.indexer = ReadableCount(counters.next_species)
    node_indexer = None if counters.next_node is None else ReadableCount(counters.next_node)
    config.genome_config.node_indexer = node_indexer
    reproduction.innovation_tracker.global_counter = counters.last_innovation
    config.genome_config.innovation_tracker = reproduction.innovation_tracker
    if state.best_genome is not None:
        # One that lives on as an elite is one object with it: its fitness may still change.
        key = state.best_genome["key"]
        population.best_genome = genomes.get(key) or decode_genome(state.best_genome)
    for name, (owner, _) in _owners(population).items():
        for attribute, value in state.others.get(name, {}).items():
            if not hasattr(owner, attribute):
                raise StoreError(f"neat-python {neat.__version__} has no {name}.{attribute}, which the run has")
            setattr(owner, attribute, value)
    state.random.apply()  # last: neat-python seeds Python's generator in `Population` when the configuration says so
    return population


def with_own_species_config(config: neat.Config) -> neat.Config:
    """The configuration with settings of species of its own: a newer neat-python moves the threshold in it."""
    own = copy.copy(config)
    own.species_set_config = copy.copy(config.species_set_config)
    return own


def encode_genome(genome: CellGenome) -> GenomeData:
    """A genome as JSON would hold it; the order of its genes is kept, since it steers later random choices."""
    optional: dict[str, Any] = {}
    if genome.skeleton is not None:
        optional["skeleton"] = list(genome.skeleton.values)
    if genome.motifs is not None:
        optional["motifs"] = {name: _encode_graph(graph) for name, graph in genome.motifs.graphs.items()}
    return {
        "key": genome.key,
        "fitness": genome.fitness,
        "parents": list(genome.parents),
        "nodes": [[key, *(getattr(node, name) for name in NODE_ATTRIBUTES)] for key, node in genome.nodes.items()],
        "connections": [[*key, c.innovation, c.weight, c.enabled] for key, c in genome.connections.items()],
        **optional,
    }


def decode_genome(data: GenomeData) -> CellGenome:
    """The genome that `encode_genome` wrote."""
    genome = CellGenome(data["key"])
    genome.fitness = data["fitness"]
    genome.parents = tuple(data["parents"])
    for key, *values in data["nodes"]:
        node = CellNodeGene(key)
        for name, value in zip(NODE_ATTRIBUTES, values, strict=True):
            setattr(node, name, value)
        genome.nodes[key] = node
    for source, target, innovation, weight, enabled in data["connections"]:
        gene = CellConnectionGene((source, target), innovation=innovation)
        gene.weight, gene.enabled = weight, enabled
        genome.connections[source, target] = gene
    if "skeleton" in data:
        genome.skeleton = SkeletonGene(tuple(data["skeleton"]))
    if "motifs" in data:
        genome.motifs = MotifGenes({name: _decode_graph(graph) for name, graph in data["motifs"].items()})
    return genome


def _encode_graph(graph: CellGraph) -> list[Any]:
    return [[node.key, node.aggregation, [[e.source, e.op, e.activation] for e in node.edges]] for node in graph.nodes]


def _decode_graph(data: list[Any]) -> CellGraph:
    nodes = (CellNode(tuple(Edge(*edge) for edge in edges), aggregation, key) for key, aggregation, edges in data)
    return CellGraph(1, tuple(nodes))


def to_json(state: PopulationState) -> str:
    """The state as one JSON text, but for torch's random state, which is bytes."""
    content = {
        "generation": state.generation,
        "genomes": state.genomes,
        "species": [asdict(species) for species in state.species],
        "counters": asdict(state.counters),
        "random": {"python": state.random.python, "numpy": state.random.numpy},
        "best_genome": state.best_genome,
        "ancestors": state.ancestors,
        "others": state.others,
    }
    return json.dumps(content, separators=(",", ":"))


def from_json(text: str, torch_state: bytes) -> PopulationState:
    """The state that `to_json` wrote; raises `StoreError` for another text."""
    try:
        content = json.loads(text)
        return PopulationState(
            generation=content["generation"],
            genomes=tuple(content["genomes"]),
            species=tuple(
                SpeciesState(**{**s, "members": tuple(s["members"]), "history": tuple(s["history"])})
                for s in content["species"]
            ),
            counters=Counters(**content["counters"]),
            random=RandomStates(**content["random"], torch=torch_state),
            best_genome=content["best_genome"],
            ancestors={int(key): tuple(parents) for key, parents in content["ancestors"].items()},
            others=content.get("others", {}),  # a run of an older version has none
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"the population is not readable: {type(error).__name__}: {error}") from None


def _owners(population: neat.Population) -> dict[str, tuple[Any, frozenset[str]]]:
    """The parts of a population that may have attributes beyond those that are known, by name."""
    species_set = population.species
    threshold = species_set.species_set_config
    settings = frozenset(vars(threshold)) - {"compatibility_threshold"}  # the others are what the file says
    species = {f"species {key}": (one, SPECIES) for key, one in species_set.species.items()}
    return {
        "Population": (population, POPULATION),
        "SpeciesSet": (species_set, SPECIES_SET),
        "InnovationTracker": (population.reproduction.innovation_tracker, TRACKER),
        "species_set_config": (threshold, settings),
        **species,
    }


def _others(name: str, owner: Any, known: frozenset[str]) -> dict[str, Any]:
    values = {attribute: value for attribute, value in vars(owner).items() if attribute not in known}
    for attribute, value in values.items():
        try:
            same = json.loads(json.dumps(value)) == value
        except (TypeError, ValueError):
            same = False
        if not same:
            raise StoreError(
                f"neat-python {neat.__version__} is not supported: {name}.{attribute} is {type(value).__name__}, which "
                "no run can store; allowed: another, such as 2.0.0"
            )
    return values


def _make_readable(owner: Any, name: str) -> int:
    """The next value of a counter; a plain one is replaced by a readable one, since reading it takes a number."""
    counter = getattr(owner, name)
    if not isinstance(counter, ReadableCount):
        counter = ReadableCount(next(counter))
        setattr(owner, name, counter)
    return counter.following


def _encode_species(species: Species) -> SpeciesState:
    return SpeciesState(
        key=species.key,
        created=species.created,
        last_improved=species.last_improved,
        representative=species.representative.key,
        members=tuple(species.members),
        fitness=species.fitness,
        adjusted_fitness=species.adjusted_fitness,
        history=tuple(species.fitness_history),
    )


def _decode_species(state: SpeciesState, genomes: dict[int, CellGenome]) -> Species:
    species = Species(state.key, state.created)
    species.last_improved = state.last_improved
    species.update(genomes[state.representative], _members(state.members, genomes))
    species.fitness, species.adjusted_fitness = state.fitness, state.adjusted_fitness
    species.fitness_history = list(state.history)
    return species


def _members(keys: Sequence[int], genomes: dict[int, CellGenome]) -> dict[int, CellGenome]:
    return {key: genomes[key] for key in keys}
