"""neat-python's reproduction, made safe for many species in a small population; and the registry of such classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from neat.config import ConfigParameter, DefaultClassConfig
from neat.reproduction import DefaultReproduction

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError, NeatDeepError
from neat_deep.base.fields import read_texts, text_keys, text_of, values_of
from neat_deep.base.registry import Registry
from neat_deep.base.sections import register_section
from neat_deep.evolution.installed import installed_keys, with_keys


@dataclass(frozen=True)
class ReproductionSettings:
    """What `[CellReproduction]` sets: neat-python's keys and defaults.

    A class that derives from it also has the keys that the installed neat-python's reproduction knows beside these.
    """

    elitism: int = 0
    survival_threshold: float = 0.2
    min_species_size: int = 1

    def __post_init__(self) -> None:
        check_range("elitism", self.elitism, low=0)
        check_range("survival_threshold", self.survival_threshold, low=0, high=1)
        check_range("min_species_size", self.min_species_size, low=1)


class CellReproduction(DefaultReproduction):
    """Stock reproduction (truncation selection within species) that never runs out of room.

    neat-python 2.0.0 raises when species times `min_species_size` or `elitism` outgrow the population, and also
    when its correction of rounded offspring counts needs more than one round. Here the least fit species are
    given up first, and the counts add up by construction. INI section `[CellReproduction]`, stock keys.
    """

    settings: type[Any] = ReproductionSettings  # of the section of the class's name; one key is `elitism`
    has_parents = True  # whether what it makes are children, which a screen can choose among

    @classmethod
    def installed_settings(cls) -> type[Any]:
        """The class's settings; with the keys of the installed neat-python where its `reproduce` is used."""
        if not issubclass(cls.settings, ReproductionSettings):
            return cls.settings
        return with_keys(cls.settings, installed_keys(DefaultReproduction.parse_config))

    @classmethod
    def parse_config(cls, param_dict: dict[str, str]) -> DefaultClassConfig:
        """Read the section's keys; raises `ConfigError`."""
        kind = cls.installed_settings()
        try:
            settings = read_texts(kind, param_dict)
        except NeatDeepError as error:
            raise ConfigError(f"[{cls.__name__}] {error}") from None
        parameters = [ConfigParameter(key, hint) for key, hint in text_keys(kind).items()]
        texts = {key: text_of(value) for key, value in values_of(settings).items()}
        return DefaultClassConfig(texts, parameters, cls.__name__)

    @staticmethod
    def compute_spawn(
        adjusted_fitness: Sequence[float], previous_sizes: Sequence[int], pop_size: int, min_species_size: int
    ) -> list[int]:
        """Offspring of each species: the stock amounts, corrected to add up to `pop_size` exactly.

        Missing genomes go to the smallest species first, surplus ones are taken from the largest.
        """
        amounts = DefaultReproduction.compute_spawn(adjusted_fitness, previous_sizes, pop_size, min_species_size)
        return _add_up(amounts, pop_size, min_species_size)

    @staticmethod
    def compute_spawn_proportional(
        adjusted_fitness: Sequence[float], pop_size: int, min_species_size: int
    ) -> list[int]:
        """The same for `spawn_method = proportional`, which neat-python 2.1 brought."""
        amounts = DefaultReproduction.compute_spawn_proportional(adjusted_fitness, pop_size, min_species_size)
        return _add_up(amounts, pop_size, min_species_size)

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


def _add_up(amounts: list[int], pop_size: int, min_species_size: int) -> list[int]:
    while sum(amounts) < pop_size:
        amounts[amounts.index(min(amounts))] += 1
    while sum(amounts) > pop_size and max(amounts) > min_species_size:
        amounts[amounts.index(max(amounts))] -= 1
    return list(amounts)


@dataclass(frozen=True)
class Reproduction:
    """A way to choose parents, by the name that `[Run] reproduction` gives it."""

    name: str
    kind: type[CellReproduction]


REPRODUCTIONS: Registry[Reproduction] = Registry("reproduction")
Kind = TypeVar("Kind", bound=type[CellReproduction])


def register_reproduction(kind: Kind) -> Kind:
    """Let `[Run] reproduction` name a class, whose settings stand in a section of its name; for use as a decorator."""
    REPRODUCTIONS.add(Reproduction(kind.__name__, kind))
    register_section(kind.__name__, kind.settings)
    return kind


register_reproduction(CellReproduction)
