"""An experiment's INI file to typed settings: read once, at the edge, and checked in full before anything runs."""

from __future__ import annotations

import configparser
import tempfile
from dataclasses import dataclass
from pathlib import Path

import neat

from neat_deep.base.errors import ConfigError
from neat_deep.base.files import read_text
from neat_deep.config.ini import check_sections, format_value, read_ini, read_section, values_of
from neat_deep.config.neat_sections import load_neat
from neat_deep.config.run_settings import RunSettings
from neat_deep.data import DataSettings
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Skeleton
from neat_deep.training.settings import TrainingSettings


@dataclass(frozen=True)
class Experiment:
    """All that one INI file says: our sections, neat-python's configuration, and the file's `text` as given."""

    data: DataSettings
    network: Skeleton
    training: TrainingSettings
    fitness: FitnessSettings
    run: RunSettings
    neat: neat.Config
    text: str = ""


@dataclass(frozen=True)
class TrainingPlan:
    """What an INI file says about training one network: on what, how and where."""

    data: DataSettings
    training: TrainingSettings
    run: RunSettings


def load_training_plan(path: Path | str) -> TrainingPlan:
    """Read and check [Data], [Training] and [Run] of an experiment's INI file, whichever searcher it is for.

    Raises `ConfigError` as `load_experiment` does.
    """
    parser = read_ini(path)
    check_sections(path, parser)
    return TrainingPlan(
        data=read_section(path, parser, "Data", DataSettings),
        training=read_section(path, parser, "Training", TrainingSettings),
        run=read_section(path, parser, "Run", RunSettings),
    )


def load_experiment(path: Path | str) -> Experiment:
    """Read and check an experiment's INI file.

    Raises `ConfigError`, which names the file, the section, the key, what was found and what is allowed. Sections of
    other programs may stay in the file; a warning names them.
    """
    parser = read_ini(path)
    check_sections(path, parser)
    experiment = Experiment(
        data=read_section(path, parser, "Data", DataSettings),
        network=read_section(path, parser, "Network", Skeleton, hidden={"rank"}),
        training=read_section(path, parser, "Training", TrainingSettings),
        fitness=read_section(path, parser, "Fitness", FitnessSettings),
        run=(run := read_section(path, parser, "Run", RunSettings)),
        neat=load_neat(path, parser, run.reproduction),
        text=read_text(path, "INI file", ConfigError),
    )
    try:
        experiment.fitness.skeleton(experiment.network)
    except ConfigError as error:
        raise ConfigError(f"{path}: [Fitness] {error}") from None
    return experiment


def settings_text(experiment: Experiment) -> str:
    """A whole INI file that `load_experiment` reads as `experiment`, whatever was changed since it was loaded."""
    sections = {
        "Data": experiment.data,
        "Network": experiment.network,
        "Training": experiment.training,
        "Fitness": experiment.fitness,
        "Run": experiment.run,
    }
    hidden = {("Network", "rank")}
    lines = []
    for section, settings in sections.items():
        lines.append(f"[{section}]")
        values = values_of(settings)
        lines += [f"{key} = {format_value(value)}" for key, value in values.items() if (section, key) not in hidden]
        lines.append("")
    with tempfile.TemporaryDirectory() as folder:
        beside = Path(folder) / "neat.ini"
        experiment.neat.save(beside)  # neat-python writes to files only
        return "\n".join(lines) + "\n" + beside.read_text(encoding="utf-8")


def read_settings_text(text: str) -> Experiment:
    """The experiment that `settings_text` wrote; raises `ConfigError`."""
    with tempfile.TemporaryDirectory() as folder:
        beside = Path(folder) / "settings.ini"
        beside.write_text(text, encoding="utf-8")
        try:
            return load_experiment(beside)
        except ConfigError as error:
            raise ConfigError(str(error).replace(str(beside), "the run's settings")) from None


def settings_values(text: str) -> dict[tuple[str, str], str]:
    """Every value of a text that `settings_text` wrote, by section and key."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {(section, key): value for section in parser.sections() for key, value in parser.items(section)}
