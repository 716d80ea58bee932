"""neat-python's own sections: read to be checked, since neat-python checks little and says less, then handed to it."""

from __future__ import annotations

import codecs
import configparser
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import neat
from neat.config import UnknownConfigItemError

from neat_deep.base.checks import check_choice, check_range
from neat_deep.base.errors import ConfigError
from neat_deep.base.files import read_text, write_text
from neat_deep.config.ini import read_section, read_values
from neat_deep.evolution.genome import SECTION as GENOME_SECTION
from neat_deep.evolution.genome import CellGenome
from neat_deep.evolution.selection import REPRODUCTIONS

MOST_GENOMES = 100_000  # of a generation


@dataclass(frozen=True)
class _NeatSection:
    pop_size: int
    fitness_criterion: str
    fitness_threshold: float
    reset_on_extinction: bool
    no_fitness_termination: bool
    seed: str = "None"  # as `Config.save` writes it

    def __post_init__(self) -> None:
        if self.seed != "None":
            raise ConfigError(f"seed: got {self.seed}; set it in [Run]: neat-python would reseed on every rebuild")
        check_range("pop_size", self.pop_size, low=2, high=MOST_GENOMES)
        check_choice("fitness_criterion", self.fitness_criterion, ("max", "min", "mean"))
        check_range("fitness_threshold", self.fitness_threshold)


@dataclass(frozen=True)
class _SpeciesSection:
    compatibility_threshold: float

    def __post_init__(self) -> None:
        check_range("compatibility_threshold", self.compatibility_threshold, low=0)


@dataclass(frozen=True)
class _StagnationSection:
    species_fitness_func: str = "mean"
    max_stagnation: int = 15
    species_elitism: int = 0

    def __post_init__(self) -> None:
        check_choice("species_fitness_func", self.species_fitness_func, ("max", "min", "mean", "median"))
        check_range("max_stagnation", self.max_stagnation, low=1)
        check_range("species_elitism", self.species_elitism, low=0)


@dataclass(frozen=True)
class _CellReproduction:
    elitism: int = 0
    survival_threshold: float = 0.2
    min_species_size: int = 1

    def __post_init__(self) -> None:
        check_range("elitism", self.elitism, low=0)
        check_range("survival_threshold", self.survival_threshold, low=0, high=1)
        check_range("min_species_size", self.min_species_size, low=1)


@dataclass(frozen=True)
class _Selection:
    elitism: int = 0

    def __post_init__(self) -> None:
        check_range("elitism", self.elitism, low=0)


@dataclass(frozen=True)
class _TournamentSelection(_Selection):
    tournament_size: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("tournament_size", self.tournament_size, low=1)


@dataclass(frozen=True)
class _RandomSearch(_Selection):
    mutations: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("mutations", self.mutations, low=0)


_REPRODUCTION_SECTIONS: dict[str, type[Any]] = {
    "CellReproduction": _CellReproduction,
    "ProportionalReproduction": _Selection,
    "RankReproduction": _Selection,
    "TournamentReproduction": _TournamentSelection,
    "RandomReproduction": _RandomSearch,
}


def load_neat(path: Path | str, parser: configparser.ConfigParser, kind: str) -> neat.Config:
    """The file's neat-python configuration, for the reproduction class named `kind`; raises `ConfigError`."""
    stock = read_section(path, parser, "NEAT", _NeatSection)
    stagnation = read_section(path, parser, "DefaultStagnation", _StagnationSection)
    read_section(path, parser, "DefaultSpeciesSet", _SpeciesSection)
    reproduction = read_section(path, parser, kind, _REPRODUCTION_SECTIONS[kind])
    least = getattr(reproduction, "min_species_size", 1)
    if reproduction.elitism > stock.pop_size or least > stock.pop_size:
        raise ConfigError(
            f"{path}: [{kind}] elitism and min_species_size: got {reproduction.elitism} and "
            f"{least}, allowed: at most pop_size ({stock.pop_size})"
        )
    if stagnation.species_elitism == 0 and not stock.reset_on_extinction:
        raise ConfigError(
            f"{path}: [DefaultStagnation] species_elitism: got 0, allowed: 1 or more, or reset_on_extinction = True; "
            "otherwise the search ends when its last species stagnates"
        )
    read_values(path, parser, GENOME_SECTION)
    if not Path(path).is_file():
        raise ConfigError(f"cannot read INI file {path} twice, as neat-python must: it is a pipe or device, not a file")
    parts = CellGenome, REPRODUCTIONS[kind], neat.DefaultSpeciesSet, neat.DefaultStagnation
    try:
        if not Path(path).read_bytes().startswith(codecs.BOM_UTF8):
            return neat.Config(*parts, str(path))
        with tempfile.TemporaryDirectory() as folder:  # neat-python reads files only, and none with a byte order mark
            beside = Path(folder) / "experiment.ini"
            write_text(beside, read_text(path, "INI file", ConfigError))
            return neat.Config(*parts, str(beside))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except (RuntimeError, ValueError, UnknownConfigItemError, configparser.Error) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from None
