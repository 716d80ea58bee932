"""neat-python's reproduction, made safe for many species in a small population."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from neat.config import ConfigParameter, DefaultClassConfig
from neat.reproduction import DefaultReproduction


class CellReproduction(DefaultReproduction):
    """Stock reproduction (truncation selection within species) that never runs out of room.

    neat-python 2.0.0 raises when species times `min_species_size` or `elitism` outgrow the population, and also
    when its correction of rounded offspring counts needs more than one round. Here the least fit species are
    given up first, and the counts add up by construction. INI section `[CellReproduction]`, stock keys.
    """

    @classmethod
    def parse_config(cls, param_dict: dict[str, str]) -> DefaultClassConfig:
        """Read `elitism`, `survival_threshold` and `min_species_size`."""
        parameters = [
            ConfigParameter("elitism", int, 0),
            ConfigParameter("survival_threshold", float, 0.2),
            ConfigParameter("min_species_size", int, 1),
        ]
        return DefaultClassConfig(param_dict, parameters, cls.__name__)

    @staticmethod
    def compute_spawn(
        adjusted_fitness: Sequence[float], previous_sizes: Sequence[int], pop_size: int, min_species_size: int
    ) -> list[int]:
        """Offspring of each species: the stock amounts, corrected to add up to `pop_size` exactly.

        Missing genomes go to the smallest species first, surplus ones are taken from the largest.
        """
        amounts = DefaultReproduction.compute_spawn(adjusted_fitness, previous_sizes, pop_size, min_species_size)
        while sum(amounts) < pop_size:
            amounts[amounts.index(min(amounts))] += 1
        while sum(amounts) > pop_size and max(amounts) > min_species_size:
            amounts[amounts.index(max(amounts))] -= 1
        return list(amounts)

    def reproduce(self, config: Any, species: Any, pop_size: int, generation: int) -> dict[int, Any]:
        """The next generation, after the least fit species that it has no room for were given up."""
        smallest = max(self.reproduction_config.min_species_size, self.reproduction_config.elitism, 1)
        room = max(1, pop_size // smallest)
        measure = self.stagnation.species_fitness_func
        by_fitness = sorted(species.species.items(), key=lambda item: (-measure(item[1].get_fitnesses()), item[0]))
        for key, _ in by_fitness[room:]:
            self.reporters.info(f"Species {key} given up: {pop_size} genomes have room for {room} species")
            del species.species[key]
        return super().reproduce(config, species, pop_size, generation)
