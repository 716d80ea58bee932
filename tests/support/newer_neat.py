"""A stand-in for neat-python 2.1: the installed one with the keys, arguments and attributes that 2.1 brings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import neat
import pytest
from neat.config import ConfigParameter, DefaultClassConfig
from neat.genome import DefaultGenome, DefaultGenomeConfig
from neat.innovation import InnovationTracker
from neat.reproduction import DefaultReproduction

VERSION = "2.1.0"
NEW_KEYS = {
    "CellGenome": {
        "compatibility_excess_coefficient": "auto",
        "compatibility_include_node_genes": "True",
        "compatibility_enable_penalty": "1.0",
    },
    "DefaultSpeciesSet": {
        "target_num_species": "none",
        "threshold_adjust_rate": "0.1",
        "threshold_min": "0.1",
        "threshold_max": "100.0",
    },
    "CellReproduction": {
        "fitness_sharing": "normalized",
        "spawn_method": "smoothed",
        "interspecies_crossover_prob": "0.0",
    },
}
GENOME = [
    ConfigParameter("compatibility_excess_coefficient", str, "auto"),
    ConfigParameter("compatibility_include_node_genes", bool, True),
    ConfigParameter("compatibility_enable_penalty", float, 1.0),
]
SPECIES_SET = [
    ConfigParameter("target_num_species", str, "none"),
    ConfigParameter("threshold_adjust_rate", float, 0.1),
    ConfigParameter("threshold_min", float, 0.1),
    ConfigParameter("threshold_max", float, 100.0),
]
REPRODUCTION = [
    ConfigParameter("fitness_sharing", str, "normalized"),
    ConfigParameter("spawn_method", str, "smoothed"),
    ConfigParameter("interspecies_crossover_prob", float, 0.0),
]


@contextmanager
def newer_neat() -> Iterator[None]:
    """Within the block neat-python behaves as 2.1 towards those who derive from it and call it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neat, "__version__", VERSION)
        _add_keys(patch, neat.DefaultSpeciesSet, SPECIES_SET)
        _add_keys(patch, DefaultReproduction, REPRODUCTION)
        _add_genome_keys(patch)
        _add_arguments(patch)
        _move_thresholds(patch)
        _add_attributes(patch)
        yield


def _add_keys(patch: pytest.MonkeyPatch, kind: Any, more: list[ConfigParameter]) -> None:
    stock = kind.parse_config.__func__

    def parse_config(cls: Any, texts: Any) -> DefaultClassConfig:
        newer = {parameter.name for parameter in more}
        known = {key: text for key, text in texts.items() if key not in newer} if isinstance(texts, dict) else texts
        parameters = [p for p in stock(cls, known)._params if p.name not in newer]
        return DefaultClassConfig(texts, [*parameters, *more], kind.__name__)

    patch.setattr(kind, "parse_config", classmethod(parse_config))


def _add_genome_keys(patch: pytest.MonkeyPatch) -> None:
    stock = DefaultGenomeConfig.__init__

    def init(self: Any, params: Any, section_name: str = "DefaultGenome") -> None:
        stock(self, params, section_name)
        known = {parameter.name for parameter in self._params}
        for parameter in GENOME:
            setattr(self, parameter.name, parameter.interpret(params, section_name))
        self._params += [parameter for parameter in GENOME if parameter.name not in known]

    patch.setattr(DefaultGenomeConfig, "__init__", init)


def _add_arguments(patch: pytest.MonkeyPatch) -> None:
    """Reproduction passes the criterion to each crossover and the configuration to the stagnation."""
    reproduce = DefaultReproduction.reproduce
    proportional = DefaultReproduction.compute_spawn  # what it counts is no matter here
    crossover = DefaultGenome.configure_crossover
    update = neat.DefaultStagnation.update
    delete = DefaultGenome.mutate_delete_connection

    class Passing:
        def __init__(self, config: Any) -> None:
            self._config = config

        def __getattr__(self, name: str) -> Any:
            return getattr(self._config, name)

        def genome_type(self, key: int) -> Any:
            genome = self._config.genome_type(key)
            own = genome.configure_crossover

            def cross(*parents: Any, **_: Any) -> None:  # an installed 2.1 says it too
                del genome.__dict__["configure_crossover"]
                own(*parents, fitness_criterion=self._config.fitness_criterion)

            genome.configure_crossover = cross
            return genome

    def newer_reproduce(self: Any, config: Any, species: Any, pop_size: int, generation: int) -> Any:
        assert self.reproduction_config.fitness_sharing in ("normalized", "canonical")
        assert self.reproduction_config.interspecies_crossover_prob == 0
        if self.reproduction_config.spawn_method == "proportional":
            self.compute_spawn_proportional([1.0], pop_size, 1)
        return reproduce(self, Passing(config), species, pop_size, generation)

    def newer_crossover(self: Any, one: Any, two: Any, config: Any, fitness_criterion: str | None = None) -> None:
        assert fitness_criterion in (None, "max", "mean")
        crossover(self, one, two, config)

    def newer_update(self: Any, species_set: Any, generation: int, config: Any = None) -> Any:
        return update(self, species_set, generation)

    def newer_proportional(adjusted: Any, pop_size: int, smallest: int) -> list[int]:
        return proportional(adjusted, [smallest] * len(adjusted), pop_size, smallest)

    def newer_delete(self: Any, config: Any = None) -> None:
        delete(self)

    patch.setattr(DefaultReproduction, "reproduce", newer_reproduce)
    patch.setattr(DefaultReproduction, "compute_spawn_proportional", staticmethod(newer_proportional), raising=False)
    patch.setattr(DefaultGenome, "configure_crossover", newer_crossover)
    patch.setattr(DefaultGenome, "mutate_delete_connection", newer_delete)
    patch.setattr(neat.DefaultStagnation, "update", newer_update)


def _move_thresholds(patch: pytest.MonkeyPatch) -> None:
    stock = neat.DefaultSpeciesSet.speciate

    def speciate(self: Any, config: Any, population: Any, generation: int) -> None:
        stock(self, config, population, generation)
        own = self.species_set_config
        if own.target_num_species != "none":
            more = (len(self.species) > int(own.target_num_species)) - (len(self.species) < int(own.target_num_species))
            moved = own.compatibility_threshold + more * own.threshold_adjust_rate
            own.compatibility_threshold = max(own.threshold_min, min(own.threshold_max, moved))

    patch.setattr(neat.DefaultSpeciesSet, "speciate", speciate)


def _add_attributes(patch: pytest.MonkeyPatch) -> None:
    stock = neat.Population.__init__

    def init(self: Any, *args: Any, **options: Any) -> None:
        stock(self, *args, **options)
        self._skip_first_evaluation = False

    def is_better_fitness(self: Any, a: float, b: float) -> bool:
        return a < b if self.fitness_criterion == "min" else a > b

    def get_node_split(self: Any, source: int, target: int, allocate: Any) -> tuple[int, int, int]:
        place = source, target, "split_node"
        if place not in self.generation_innovations:
            self.global_counter += 2
            self.generation_innovations[place] = allocate(), self.global_counter - 1, self.global_counter
        return self.generation_innovations[place]

    patch.setattr(neat.Population, "__init__", init)
    patch.setattr(neat.Config, "is_better_fitness", is_better_fitness, raising=False)
    patch.setattr(InnovationTracker, "get_node_split", get_node_split, raising=False)
