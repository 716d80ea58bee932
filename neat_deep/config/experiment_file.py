"""An experiment's INI file to typed settings: read once, at the edge, and checked in full before anything runs."""

from __future__ import annotations

import configparser
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import neat

from neat_deep.base.errors import ConfigError, NeatDeepError
from neat_deep.base.fields import read_texts
from neat_deep.base.files import read_text
from neat_deep.base.sections import register_section
from neat_deep.config.ini import (
    check_sections,
    parse_ini,
    read_ini,
    read_section,
    read_values,
    use_plugins,
    write_sections,
)
from neat_deep.config.neat_sections import load_neat
from neat_deep.config.run_settings import RunSettings
from neat_deep.config.search_settings import SECTION as SEARCH
from neat_deep.config.search_settings import SearchSettings
from neat_deep.data import DataSettings
from neat_deep.evolution.installed import utf8_files
from neat_deep.evolution.selection import REPRODUCTIONS
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.scoring.tuning_settings import SECTION as TUNING
from neat_deep.scoring.tuning_settings import TuningSettings
from neat_deep.space.architecture import Skeleton
from neat_deep.strategies.registry import NEAT
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
    search: SearchSettings = field(default_factory=SearchSettings)  # whose screen alone is neat-python's


@dataclass(frozen=True)
class TrainingPlan:
    """What an INI file says about training one network: on what, how and where."""

    data: DataSettings
    training: TrainingSettings
    run: RunSettings


# The sections that make an experiment, each a field of `Experiment`, in the order in which a run keeps them.
OWN: dict[str, type[Any]] = {
    "Data": DataSettings,
    "Network": Skeleton,
    "Training": TrainingSettings,
    "Fitness": FitnessSettings,
    "Run": RunSettings,
}
for _name, _settings in OWN.items():
    register_section(_name, _settings)
register_section(SEARCH, SearchSettings)
register_section(TUNING, TuningSettings)


def load_training_plan(path: Path | str) -> TrainingPlan:
    """Read and check [Data], [Training] and [Run] of an experiment's INI file, whichever searcher it is for.

    Raises `ConfigError` as `load_experiment` does.
    """
    parser = read_ini(path)
    use_plugins(path, parser, trusted=True)
    check_sections(path, parser)
    return TrainingPlan(**read_training_sections(path, parser))


def training_plan_text(plan: TrainingPlan) -> str:
    """A whole INI file that is read as `plan`."""
    return write_sections({"Data": plan.data, "Training": plan.training, "Run": plan.run})


def read_training_sections(
    source: Path | str, parser: configparser.ConfigParser, *, stored: bool = False
) -> dict[str, Any]:
    """The fields of a `TrainingPlan`, by name; `stored` as `read_section` takes it. Raises `ConfigError`."""
    kinds = {"Data": DataSettings, "Training": TrainingSettings, "Run": RunSettings}
    return {name.lower(): read_section(source, parser, name, kind, stored=stored) for name, kind in kinds.items()}


def load_experiment(path: Path | str) -> Experiment:
    """Read and check an experiment's INI file.

    Raises `ConfigError`, which names the file, the section, the key, its value and what is allowed. Sections of
    other programs may stay in the file; a warning names them. The plugins that the file names are imported.
    """
    text = read_text(path, "INI file", ConfigError)
    parser = parse_ini(text, path)
    use_plugins(path, parser, trusted=True)
    check_sections(path, parser)
    experiment = _read_experiment(path, parser, text, stored=False)
    if not Path(path).is_file():  # a run keeps a copy of it
        raise ConfigError(f"cannot read INI file {path} twice, as a run must: it is a pipe or device, not a file")
    return experiment


def settings_text(experiment: Experiment) -> str:
    """A whole INI file that is read as `experiment`, whatever was changed since it was loaded, with every key."""
    sections = {name: getattr(experiment, name.lower()) for name in OWN}
    if experiment.search.screen:
        sections[SEARCH] = experiment.search
    with tempfile.TemporaryDirectory() as folder:
        beside = Path(folder) / "neat.ini"
        with utf8_files():
            experiment.neat.save(beside)  # neat-python writes to files only
        return write_sections(sections) + "\n" + beside.read_text(encoding="utf-8")


def read_settings_text(text: str) -> Experiment:
    """The experiment that `settings_text` wrote; raises `ConfigError`.

    An older program may have written it: a setting that it did not know has the value that does what that program did.
    The plugins that it names must be loaded already: a run's folder makes no code run.
    """
    source = "the run's settings"
    parser = parse_ini(text, source)
    use_plugins(source, parser, trusted=False)
    return _read_experiment(source, parser, text, stored=True)


def settings_values(text: str) -> dict[tuple[str, str], str]:
    """Every value of an INI file's text, by section and key."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {(section, key): value for section in parser.sections() for key, value in parser.items(section)}


def _read_experiment(source: Path | str, parser: configparser.ConfigParser, text: str, *, stored: bool) -> Experiment:
    own = {name.lower(): read_section(source, parser, name, kind, stored=stored) for name, kind in OWN.items()}
    config = load_neat(source, parser, own["run"].reproduction, stored=stored)
    search = _read_search(source, parser, stored=stored)
    if search.screen and not REPRODUCTIONS.get(own["run"].reproduction).kind.has_parents:
        names = ", ".join(one.name for one in REPRODUCTIONS.values() if one.kind.has_parents)
        raise ConfigError(
            f"{source}: [{SEARCH}] screen: got {search.screen}, allowed with [Run] reproduction ="
            f" {own['run'].reproduction}: none, since its genomes have no parents; a screen is for {names}"
        )
    experiment = Experiment(**own, neat=config, text=text, search=search)
    try:
        experiment.fitness.skeleton(experiment.network)
    except ConfigError as error:
        raise ConfigError(f"{source}: [Fitness] {error}") from None
    return experiment


def _read_search(source: Path | str, parser: configparser.ConfigParser, *, stored: bool) -> SearchSettings:
    """What [Search] says of neat-python's search, which may be another than the one that it names: its screen."""
    if not parser.has_section(SEARCH):
        return SearchSettings()
    texts = read_values(source, parser, SEARCH)
    try:
        return read_texts(SearchSettings, {**texts, "strategy": NEAT, "asynchronous": "False"}, stored=stored)
    except NeatDeepError as error:
        raise ConfigError(f"{source}: [{SEARCH}] {error}") from None
