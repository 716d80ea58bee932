"""Several children for each place of a generation, of which the most promising lives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import neat

from neat_deep.evolution.genome import CellGenome


class ChildScreen(Protocol):
    """What chooses among children; `neat_deep.scoring.screening.Screen` does."""

    @property
    def factor(self) -> int:
        """How many children compete for a place."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether it can tell them apart yet."""
        ...

    def best_of_each(self, groups: Sequence[Sequence[Any]]) -> Sequence[int]:
        """The place of the most promising in each group."""
        ...


def screen_children(population: neat.Population, screen: ChildScreen, network: Callable[[CellGenome], Any]) -> None:
    """Let the population's reproduction, whichever it is, be followed by a choice among brothers and sisters.

    For each child that it makes, `screen.factor` - 1 more are made of the same parents, and the most promising takes
    the child's place. Which parents have how many children stays as the reproduction says. The first generation is not
    screened, nor are elites. `network` is what the screen sees of a child, None where it is no network, or something
    raises: scoring says what.
    """
    plain = population.reproduction.reproduce

    def reproduce(config: Any, species: Any, pop_size: int, generation: int) -> dict[int, CellGenome]:
        parents = {key: genome for one in species.species.values() for key, genome in one.members.items()}
        following: dict[int, CellGenome] = plain(config, species, pop_size, generation)
        places = [key for key, child in following.items() if key not in parents and child.parents]
        if not screen.is_ready or not places:
            return following
        broods = [_brood(following[key], parents, screen.factor, config) for key in places]
        chosen = screen.best_of_each([[network(child) for child in brood] for brood in broods])
        return {**following, **{key: broods[i][chosen[i]] for i, key in enumerate(places)}}

    population.reproduction.reproduce = reproduce


def _brood(child: CellGenome, parents: dict[int, CellGenome], count: int, config: Any) -> list[CellGenome]:
    """The child, and others of its parents; all have its key, since one will live."""
    first, second = parents[child.parents[0]], parents[child.parents[-1]]
    brood = [child]
    while len(brood) < count:
        other = config.genome_type(child.key)
        other.configure_crossover(first, second, config.genome_config)
        other.mutate(config.genome_config)
        brood.append(other)
    return brood
