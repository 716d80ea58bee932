"""The experiment of an INI file or of a run that goes on, with the options of the command line in place."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError, StoreError
from neat_deep.base.files import read_text
from neat_deep.cli.known_options import check_options
from neat_deep.cli.options import LIMITS, Given, flag
from neat_deep.cli.overrides import override, override_data, override_run, read_settings, reading
from neat_deep.config.experiment_file import Experiment, load_experiment, settings_values
from neat_deep.config.ini import read_ini
from neat_deep.config.neat_sections import MOST_GENOMES
from neat_deep.config.stored_settings import AnyExperiment, read_settings_text, skeleton_options_of, strategy_name
from neat_deep.config.strategy_experiment import StrategyExperiment, load_strategy_experiment, strategy_of
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.registry import NEAT, STRATEGIES
from neat_deep.strategies.starts import read_start

# What may change when a run is resumed.
RESUMABLE = ("fitness_threshold", *LIMITS, "workers", "retrainings", "data_root", "device", "threads")


def read_experiment(config: Path, given: Given) -> AnyExperiment:
    """The experiment of the INI file `config`, with what the options say in place; raises `ConfigError`."""
    with reading(config):
        strategy = strategy_of(config, given.get("strategy"))
    if strategy != NEAT:
        searched = read_settings(config, given, functools.partial(load_strategy_experiment, strategy=strategy))
        check_options(STRATEGIES.get(strategy), given)  # a script's own strategy may be another
        settings = override(searched.search, given, {"population": "generation_size"})
        return dataclasses.replace(searched, search=settings)
    return read_neat_experiment(config, given)


def read_neat_experiment(config: Path, given: Given) -> Experiment:
    """The experiment of an INI file for neat-python, with what the options say in place; raises `ConfigError`."""
    experiment = read_settings(config, given, load_experiment)
    population = given.get("population")
    if population is not None:
        reproduction = experiment.neat.reproduction_config
        low = max(2, reproduction.elitism, getattr(reproduction, "min_species_size", 1))
        check_range("--population", population, low=low, high=MOST_GENOMES)
        experiment.neat.pop_size = population
    _set_threshold(experiment, given)
    return experiment


def _set_threshold(experiment: Experiment, given: Given) -> None:
    """Put the option's fitness that ends the search in place; raises `ConfigError`."""
    threshold = given.get("fitness_threshold")
    if threshold is not None:
        check_range("--fitness-threshold", threshold)
        experiment.neat.fitness_threshold = threshold


def read_run(run: Path, config: Path | None, given: Given) -> AnyExperiment:
    """The experiment of a run as its store tells it, with what may change in place.

    Options and an INI file may say what the run says already. Raises `ConfigError` for an option and `StoreError` for
    a key of the file that says something else, and `StoreError` for what is no run.
    """
    with RunStore.read(run) as store:
        ini, settings, start = store.fact("ini"), store.fact("settings"), store.meta().get("start")
        folder = store.path.parent
    if config is not None:
        read_ini(config)  # it says what is wrong with a file that is none
        _check_same_file(read_text(config, "INI file", ConfigError), ini, config)
    experiment = read_settings_text(settings)
    _check_same_options(given, experiment, folder)
    check_options(STRATEGIES.get(strategy_name(experiment)), given, told=RESUMABLE, when=" when a run is resumed")
    if isinstance(experiment, Experiment):
        _set_threshold(experiment, given)
    if given.get("start") is not None:
        _check_same_start(given["start"], start, experiment)
    run_settings = override_run(experiment.run, given, "device", "workers", "threads")
    data = override_data(experiment.data, given)  # they may have moved; the store knows them
    run_settings = dataclasses.replace(run_settings, out=str(folder))
    return dataclasses.replace(experiment, data=data, run=run_settings, text=ini)


def check_same_folder(out: str | None, folder: Path, asked: str) -> None:
    """Raise `ConfigError` unless `--out`, if it was given, names the run's folder, or what the run was asked for."""
    if out is not None and Path(out).resolve() not in (folder.resolve(), Path(asked).resolve()):
        raise ConfigError(f"--out: got {out}, the run is in {folder}; a run stays where it is when it is resumed")


def _check_same_options(given: Given, experiment: AnyExperiment, folder: Path) -> None:
    before = {
        "strategy": strategy_name(experiment),
        "population": _population(experiment),
        "dataset": experiment.data.dataset,
        "seed": experiment.run.seed,
    }
    for name, value in before.items():
        if given.get(name, value) != value:
            raise ConfigError(
                f"{flag(name)}: got {given[name]}, the run has {value}; allowed to change when a run is resumed: "
                f"{', '.join(map(flag, RESUMABLE))}"
            )
    check_same_folder(given.get("out"), folder, experiment.run.out)


def _population(experiment: AnyExperiment) -> int:
    if isinstance(experiment, Experiment):
        size: int = experiment.neat.pop_size
        return size
    return experiment.search.generation_size


def _start_setting(experiment: AnyExperiment) -> str:
    """What a key of the strategy's own section names as the start; empty where it names none."""
    key = STRATEGIES.get(strategy_name(experiment)).start_key
    if not key or not isinstance(experiment, StrategyExperiment):
        return ""
    return str(getattr(experiment.settings, key))


def _check_same_start(start: Path, stored: str | None, experiment: AnyExperiment) -> None:
    """Raise `ConfigError` unless the run began from this architecture: from a `stored` one, or else by a setting."""
    if stored is None:
        setting = _start_setting(experiment)
        if str(start) != setting:
            began = f"from {setting}" if setting else "without one"
            raise ConfigError(
                f"--start: got {start}, the run began {began}; allowed when it is resumed: {setting or 'none'}"
            )
        return
    given, before = read_start(start), Architecture.from_json(stored)
    has_other_skeleton = skeleton_options_of(experiment).are_given and given.skeleton != before.skeleton
    if given.cell != before.cell or has_other_skeleton:
        other = "cell" if given.cell != before.cell else "skeleton"
        raise ConfigError(f"--start: got {start}, the run began from another {other}; allowed: that one, or none")


def _check_same_file(text: str, stored: str, path: Path) -> None:
    """Raise `StoreError`, with the first key that differs, unless two INI files say the same."""
    now, before = settings_values(text), settings_values(stored)
    for place in dict.fromkeys([*before, *now]):
        if before.get(place) != now.get(place):
            section, key = place
            raise StoreError(
                f"{path}: [{section}] {key}: got {_quoted(now.get(place))}, the run was started with "
                f"{_quoted(before.get(place))}; allowed: the INI file of the run, or none"
            )


def _quoted(value: str | None) -> str:
    return "nothing" if value is None else f"'{value}'"
