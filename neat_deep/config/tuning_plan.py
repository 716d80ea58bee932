"""What an INI file, or a run, says about tuning a network's final training."""

from __future__ import annotations

import configparser
from dataclasses import dataclass, field
from pathlib import Path

from neat_deep.base.errors import ConfigError
from neat_deep.base.files import read_text
from neat_deep.config.experiment_file import TrainingPlan, read_training_sections
from neat_deep.config.ini import check_sections, parse_ini, read_section, use_plugins, write_sections
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.scoring.tuning_settings import SECTION, TuningSettings

FITNESS = "Fitness"


@dataclass(frozen=True)
class TuningPlan(TrainingPlan):
    """On what, how and where networks are trained, which settings are tried, and what a network is worth.

    The objective and its prices are those of [Fitness]; a file without that section goes by accuracy.
    """

    tuning: TuningSettings = field(default_factory=TuningSettings)
    fitness: FitnessSettings = field(default_factory=FitnessSettings)


def load_tuning_plan(path: Path | str) -> TuningPlan:
    """Read and check the sections of an INI file that a tuning needs; it may leave out [Tuning] and [Fitness].

    Raises `ConfigError` as `load_experiment` does.
    """
    parser = parse_ini(read_text(path, "INI file", ConfigError), path)
    use_plugins(path, parser, trusted=True)
    check_sections(path, parser)
    return _read(path, parser, parser, stored=False)


def read_tuning_plan(source: Path, settings: str, ini: str) -> TuningPlan:
    """The plan of a run: `settings` are those that it was done with, and `ini`, as it was given, may have [Tuning].

    Raises `ConfigError`. The plugins that the settings name must be loaded already: a run's folder makes no code run.
    """
    parser = parse_ini(settings, source)
    use_plugins(source, parser, trusted=False)
    return _read(source, parser, parse_ini(ini, source), stored=True)


def tuning_plan_text(plan: TuningPlan) -> str:
    """A whole INI file that is read as `plan`, for `tune` and for `train`."""
    sections = {"Data": plan.data, "Training": plan.training, SECTION: plan.tuning, FITNESS: plan.fitness}
    return write_sections({**sections, "Run": plan.run})


def _read(
    source: Path | str, parser: configparser.ConfigParser, own: configparser.ConfigParser, *, stored: bool
) -> TuningPlan:
    sections = read_training_sections(source, parser, stored=stored)
    tuning = read_section(source, own, SECTION, TuningSettings) if own.has_section(SECTION) else TuningSettings()
    fitness = FitnessSettings()
    if parser.has_section(FITNESS):
        fitness = read_section(source, parser, FITNESS, FitnessSettings, stored=stored)
    return TuningPlan(**sections, tuning=tuning, fitness=fitness)
