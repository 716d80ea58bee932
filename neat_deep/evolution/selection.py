"""Other ways to choose parents, so that neat-python's own can be compared with them under the same budget.

Each is a `reproduction` class with an INI section of its name. Parents are chosen from the whole population: species
are still formed and shown, but share no fitness and never stagnate. Baeck, Fogel, Michalewicz, "Evolutionary
Computation 1" (2000), chapters 22 to 25, describes the schemes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from neat_deep.base.checks import check_range
from neat_deep.evolution.genome import CellGenome
from neat_deep.evolution.installed import accepted
from neat_deep.evolution.reproduction import REPRODUCTIONS, CellReproduction, register_reproduction

__all__ = ["REPRODUCTIONS"]  # complete when this module is imported


@dataclass(frozen=True)
class SelectionSettings:
    """What the sections of these classes set: how many of the fittest stay as they are."""

    elitism: int = 0  # so many of the generation's fittest genomes are kept as they are

    def __post_init__(self) -> None:
        check_range("elitism", self.elitism, low=0)


@dataclass(frozen=True)
class TournamentSettings(SelectionSettings):
    """What `[TournamentReproduction]` sets."""

    tournament_size: int = 3  # the fittest of so many genomes, drawn by chance, is a parent

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("tournament_size", self.tournament_size, low=1)


@dataclass(frozen=True)
class RandomSettings(SelectionSettings):
    """What `[RandomReproduction]` sets."""

    mutations: int = 10  # so many in a row make a new genome of a first one

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("mutations", self.mutations, low=0)


@register_reproduction
class ProportionalReproduction(CellReproduction):
    """A genome is a parent in proportion to its fitness above the generation's lowest. INI key `elitism`."""

    settings = SelectionSettings

    def reproduce(self, config: Any, species: Any, pop_size: int, generation: int) -> dict[int, Any]:
        """The next generation: the `elitism` fittest as they are, then children."""
        config.genome_config.innovation_tracker = self.innovation_tracker
        self.innovation_tracker.reset_generation()
        asked = accepted(self.stagnation.update, config=config)
        self.stagnation.update(species, generation, **asked)  # for the species' fitness histories; none is removed
        members = [member for s in species.species.values() for member in s.members.values()]
        ranked = sorted(members, key=lambda genome: (-genome.fitness, genome.key))
        following = {genome.key: genome for genome in ranked[: self.reproduction_config.elitism]}
        while len(following) < pop_size:
            child = config.genome_type(next(self.genome_indexer))
            self.ancestors[child.key] = self._make(child, ranked, config)
            following[child.key] = child
        return following

    def _make(self, child: CellGenome, ranked: Sequence[CellGenome], config: Any) -> tuple[int, ...]:
        """Give a child its genes, and return its parents' keys."""
        first, second = self.choose(ranked), self.choose(ranked)
        child.configure_crossover(first, second, config.genome_config)
        child.mutate(config.genome_config)
        return first.key, second.key

    def choose(self, ranked: Sequence[CellGenome]) -> CellGenome:
        """A parent; `ranked` has the fittest first."""
        lowest = ranked[-1].fitness
        weights = [genome.fitness - lowest for genome in ranked]
        return random.choices(ranked, weights if any(weights) else None)[0]


@register_reproduction
class RankReproduction(ProportionalReproduction):
    """A genome is a parent in proportion to its rank from below: linear ranking. INI key `elitism`."""

    def choose(self, ranked: Sequence[CellGenome]) -> CellGenome:
        return random.choices(ranked, range(len(ranked), 0, -1))[0]


@register_reproduction
class TournamentReproduction(ProportionalReproduction):
    """A parent is the fittest of `tournament_size` genomes drawn at random. INI keys `elitism`, `tournament_size`."""

    settings = TournamentSettings

    def choose(self, ranked: Sequence[CellGenome]) -> CellGenome:
        draws = (random.randrange(len(ranked)) for _ in range(self.reproduction_config.tournament_size))
        return ranked[min(draws)]


@register_reproduction
class RandomReproduction(ProportionalReproduction):
    """Random search: every genome is a new one, mutated 0 to `mutations` times. INI keys `elitism`, `mutations`."""

    settings = RandomSettings
    has_parents = False

    def _make(self, child: CellGenome, ranked: Sequence[CellGenome], config: Any) -> tuple[int, ...]:  # noqa: ARG002
        child.configure_new(config.genome_config)
        for _ in range(random.randint(0, self.reproduction_config.mutations)):
            child.mutate(config.genome_config)
        return ()
