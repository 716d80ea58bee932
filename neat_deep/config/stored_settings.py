"""The settings that a run's store keeps, whatever its strategy."""

from __future__ import annotations

import configparser
import dataclasses

from neat_deep.config import experiment_file, strategy_experiment
from neat_deep.config.experiment_file import Experiment, settings_values
from neat_deep.config.search_settings import SECTION as SEARCH
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.space.skeleton_options import SkeletonOptions
from neat_deep.strategies.registry import NEAT

AnyExperiment = Experiment | StrategyExperiment


def strategy_name(experiment: AnyExperiment) -> str:
    """The name of the strategy that an experiment is searched by."""
    return NEAT if isinstance(experiment, Experiment) else experiment.search.strategy


def skeleton_options_of(experiment: AnyExperiment) -> SkeletonOptions:
    """What a search may choose of the skeleton."""
    if isinstance(experiment, Experiment):
        options: SkeletonOptions = experiment.neat.genome_config.skeletons
        return options
    return experiment.space_settings.skeleton_options()


def settings_text(experiment: AnyExperiment) -> str:
    """A whole INI file that is read as `experiment`, whatever was changed since it was loaded, with every key.

    Paths to the data are whole, since a run may be resumed from another working directory.
    """
    experiment = dataclasses.replace(experiment, data=experiment.data.with_whole_paths())
    if isinstance(experiment, StrategyExperiment):
        return strategy_experiment.strategy_settings_text(experiment)
    return experiment_file.settings_text(experiment)


def read_settings_text(text: str) -> AnyExperiment:
    """The experiment that `settings_text` wrote, perhaps by an older program; raises `ConfigError`."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    if parser.get(SEARCH, "strategy", fallback=NEAT) != NEAT:
        return strategy_experiment.read_strategy_settings(text)
    return experiment_file.read_settings_text(text)


def changed_settings(stored: str, experiment: AnyExperiment) -> dict[tuple[str, str], tuple[str, str]]:
    """Where an experiment is not the one that `settings_text` wrote: its value then and now, by section and key.

    A setting that the program did not know then is no change while it does what that program did. Raises `ConfigError`
    for a text with something in it that this program does not know.
    """
    before = settings_values(settings_text(read_settings_text(stored)))
    now = settings_values(settings_text(experiment))
    return {
        place: (before.get(place, ""), now.get(place, ""))
        for place in dict.fromkeys([*before, *now])
        if before.get(place) != now.get(place)
    }
