"""The experiment of an INI file or of a run that goes on, with the options of the command line in place."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError, StoreError
from neat_deep.base.files import read_text
from neat_deep.cli.options import Given, flag
from neat_deep.cli.overrides import override, override_run, read_settings, reading
from neat_deep.config.experiment_file import Experiment, load_experiment, settings_values
from neat_deep.config.ini import read_ini
from neat_deep.config.neat_sections import MOST_GENOMES
from neat_deep.config.search_settings import NEAT
from neat_deep.config.stored_settings import AnyExperiment, read_settings_text
from neat_deep.config.strategy_experiment import StrategyExperiment, load_strategy_experiment, strategy_of
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore

RESUMABLE = (
    "--fitness-threshold, --generations, --evaluations, --samples, --minutes, --workers, --retrainings, --data-root, "
    "--device and --threads"
)


def read_experiment(config: Path, given: Given) -> AnyExperiment:
    """The experiment of the INI file `config`, with what the options say in place; raises `ConfigError`."""
    with reading(config):
        strategy = given.get("strategy") or strategy_of(config)
    if strategy != NEAT:
        searched = read_settings(config, given, functools.partial(load_strategy_experiment, strategy=strategy))
        _set_threshold(searched, given)
        settings = override(searched.search, given, {"population": "generation_size"})
        searched = dataclasses.replace(searched, search=settings)
        if given.get("start") is not None and starts_from_a_setting(searched):
            own = dataclasses.replace(searched.settings, start=str(given["start"]))
            searched = dataclasses.replace(searched, settings=own)
        return searched
    return read_neat_experiment(config, given)


def starts_from_a_setting(experiment: AnyExperiment) -> bool:
    """Whether the strategy has a setting of its own that says what a search starts from."""
    return isinstance(experiment, StrategyExperiment) and hasattr(experiment.settings, "start")


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


def _set_threshold(experiment: AnyExperiment, given: Given) -> None:
    """Put the option's fitness that ends the search in place; raises `ConfigError`."""
    threshold = given.get("fitness_threshold")
    if threshold is None:
        return
    if not isinstance(experiment, Experiment):
        strategy = experiment.search.strategy
        raise ConfigError(
            f"--fitness-threshold: got {threshold:g}, which the strategy '{strategy}' does not know; allowed: none"
        )
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
    _set_threshold(experiment, given)
    if isinstance(experiment, StrategyExperiment) and starts_from_a_setting(experiment):
        _check_same_setting(given.get("start"), experiment.settings.start)
    else:
        _check_same_start(given.get("start"), start)
    run_settings = override_run(experiment.run, given, "device", "workers", "threads")
    data = override(experiment.data, given, {"data_root": "root"})  # they may have moved; the store knows them
    run_settings = dataclasses.replace(run_settings, out=str(folder))
    return dataclasses.replace(experiment, data=data, run=run_settings, text=ini)


def check_same_folder(out: str | None, folder: Path, asked: str) -> None:
    """Raise `ConfigError` unless `--out`, if it was given, names the run's folder, or what the run was asked for."""
    if out is not None and Path(out).resolve() not in (folder.resolve(), Path(asked).resolve()):
        raise ConfigError(f"--out: got {out}, the run is in {folder}; a run stays where it is when it is resumed")


def _check_same_options(given: Given, experiment: AnyExperiment, folder: Path) -> None:
    before = {
        "strategy": NEAT if isinstance(experiment, Experiment) else experiment.search.strategy,
        "population": _population(experiment),
        "dataset": experiment.data.dataset,
        "seed": experiment.run.seed,
    }
    for name, value in before.items():
        if given.get(name, value) != value:
            raise ConfigError(
                f"{flag(name)}: got {given[name]}, the run has {value}; allowed to change when a run is resumed: "
                f"{RESUMABLE}"
            )
    check_same_folder(given.get("out"), folder, experiment.run.out)


def _population(experiment: AnyExperiment) -> int:
    if isinstance(experiment, Experiment):
        size: int = experiment.neat.pop_size
        return size
    return experiment.search.generation_size


def _check_same_start(start: Path | None, before: str | None) -> None:
    if start is None:
        return
    if before is None:
        raise ConfigError(f"--start: got {start}, the run began without one; allowed when it is resumed: none")
    if Architecture.load(start).cell != Architecture.from_json(before).cell:
        raise ConfigError(f"--start: got {start}, the run began from another cell; allowed: that one, or none")


def _check_same_setting(start: Path | None, before: str) -> None:
    if start is not None and str(start) != before:
        raise ConfigError(f"--start: got {start}, the run began from {before or 'no file'}; allowed: that, or none")


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
