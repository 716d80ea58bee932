"""neat-python's own sections: read to be checked, since neat-python checks little and says less, then handed to it."""

from __future__ import annotations

import configparser
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import neat
from neat.config import UnknownConfigItemError

from neat_deep.base.checks import check_choice, check_range
from neat_deep.base.errors import ConfigError
from neat_deep.base.fields import text_keys
from neat_deep.base.files import writing
from neat_deep.base.sections import register_section
from neat_deep.config.ini import read_section, write_sections
from neat_deep.evolution.genome import CellGenome, installed_genome_settings
from neat_deep.evolution.genome_settings import SECTION as GENOME_SECTION
from neat_deep.evolution.installed import check_criterion, installed_keys, stock_keys, utf8_files, with_keys
from neat_deep.evolution.selection import REPRODUCTIONS

MOST_GENOMES = 100_000  # of a generation


@dataclass(frozen=True)
class _NeatSection:
    pop_size: int
    fitness_criterion: str
    fitness_threshold: float
    reset_on_extinction: bool
    no_fitness_termination: bool
    seed: str = "None"  # as `Config.save` writes it; neat-python takes any text that is no number for none

    def __post_init__(self) -> None:
        if self.seed != "None":
            raise ConfigError(f"seed: got {self.seed}; set it in [Run]: neat-python would reseed on every rebuild")
        check_range("pop_size", self.pop_size, low=2, high=MOST_GENOMES)
        check_choice("fitness_criterion", self.fitness_criterion, ("max", "min", "mean"))
        check_criterion(self.fitness_criterion)
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


OWN = {"NEAT": _NeatSection, "DefaultSpeciesSet": _SpeciesSection, "DefaultStagnation": _StagnationSection}
for _name, _settings in OWN.items():
    register_section(_name, _settings)


def load_neat(
    source: Path | str, parser: configparser.ConfigParser, reproduction: str, *, stored: bool = False
) -> neat.Config:
    """The neat-python configuration of an INI file, for the reproduction class of that name; raises `ConfigError`.

    With `stored` it is that of an earlier run, as in `read_texts`.
    """
    choosing = REPRODUCTIONS.get(reproduction).kind
    kinds = {
        **_stock_sections(),
        GENOME_SECTION: installed_genome_settings(),
        reproduction: choosing.installed_settings(),
    }
    sections: dict[str, Any] = {}
    for name, kind in kinds.items():
        try:
            sections[name] = read_section(source, parser, name, kind, stored=stored)
        except ConfigError as error:  # a key may be one of another release of neat-python
            known = not parser.has_section(name) or set(parser.options(name)) <= set(text_keys(kind))
            raise error if known else ConfigError(f"{error} (neat-python {neat.__version__} is installed)") from None
    _check_together(source, sections, reproduction)
    parts = CellGenome, choosing, neat.DefaultSpeciesSet, neat.DefaultStagnation
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "neat.ini"  # neat-python reads files only, and wants each key that it knows
        with writing(file), file.open("w", encoding="utf-8") as stream:
            stream.write(write_sections(sections))
        try:
            with utf8_files():
                return neat.Config(*parts, str(file))
        except (ConfigError, RuntimeError, ValueError, UnknownConfigItemError, configparser.Error) as error:
            raise ConfigError(f"{source}: {' '.join(str(error).split())}") from None


def _stock_sections() -> dict[str, type[Any]]:
    """Our settings of neat-python's own sections, with the keys that the installed one knows beside them."""
    return {
        "NEAT": with_keys(_NeatSection, stock_keys()),
        "DefaultSpeciesSet": with_keys(_SpeciesSection, installed_keys(neat.DefaultSpeciesSet.parse_config)),
        "DefaultStagnation": with_keys(_StagnationSection, installed_keys(neat.DefaultStagnation.parse_config)),
    }


def _check_together(source: Path | str, sections: Mapping[str, Any], reproduction: str) -> None:
    """Raise `ConfigError` for settings of several sections that contradict each other."""
    stock, stagnation, choosing = sections["NEAT"], sections["DefaultStagnation"], sections[reproduction]
    least = getattr(choosing, "min_species_size", 1)
    if choosing.elitism > stock.pop_size or least > stock.pop_size:
        raise ConfigError(
            f"{source}: [{reproduction}] elitism and min_species_size: got {choosing.elitism} and "
            f"{least}, allowed: at most pop_size ({stock.pop_size})"
        )
    if stagnation.species_elitism == 0 and not stock.reset_on_extinction:
        raise ConfigError(
            f"{source}: [DefaultStagnation] species_elitism: got 0, allowed: 1 or more, or reset_on_extinction = True; "
            "otherwise the search ends when its last species stagnates"
        )
