"""An INI file to the settings of a search by a strategy of the registry, and back."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neat_deep.base.errors import ConfigError
from neat_deep.base.fields import read_texts, values_of
from neat_deep.base.files import read_text
from neat_deep.base.registry import resolve
from neat_deep.base.sections import register_section
from neat_deep.config.experiment_file import OWN
from neat_deep.config.ini import check_sections, parse_ini, read_section, use_plugins, write_sections
from neat_deep.config.run_settings import RunSettings
from neat_deep.config.search_settings import SECTION as SEARCH
from neat_deep.config.search_settings import SearchSettings, SpaceSettings
from neat_deep.data import DataSettings
from neat_deep.evolution.genome_settings import SECTION as GENOME_SECTION
from neat_deep.evolution.genome_settings import GenomeSettings
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Skeleton
from neat_deep.strategies.registry import STRATEGIES, proposing_strategies
from neat_deep.training.settings import TrainingSettings

SPACE = "SearchSpace"
DEFAULT_NODES = 6  # where [CellGenome] sets no limit

register_section(SPACE, SpaceSettings)


@dataclass(frozen=True)
class StrategyExperiment:
    """All that one INI file says about a search by a strategy of the registry.

    `settings` are the strategy's own, None where it has none; `text` is the file as given.
    """

    data: DataSettings
    network: Skeleton
    training: TrainingSettings
    fitness: FitnessSettings
    run: RunSettings
    search: SearchSettings
    space_settings: SpaceSettings
    settings: Any = None
    text: str = ""


def strategy_of(path: Path | str, strategy: str | None = None) -> str:
    """The name of the strategy that searches as an INI file says: `strategy`, or else the one that the file names.

    A file without a section [Search] is for neat-python. Raises `ConfigError` for a section that does not suit it.
    """
    parser = parse_ini(read_text(path, "INI file", ConfigError), path)
    return _read_search(path, parser, strategy, stored=False).strategy


def load_strategy_experiment(path: Path | str, strategy: str | None = None) -> StrategyExperiment:
    """Read and check an INI file with a section [Search]; raises `ConfigError` as `load_experiment` does.

    `strategy` stands over what the file says. The search space is that of [SearchSpace], or else of the options in
    [CellGenome].
    """
    text = read_text(path, "INI file", ConfigError)
    parser = parse_ini(text, path)
    use_plugins(path, parser, trusted=True)
    check_sections(path, parser)
    return _read(path, parser, text, stored=False, strategy=strategy)


def strategy_settings_text(experiment: StrategyExperiment) -> str:
    """A whole INI file that is read as `experiment`, with every key."""
    sections: dict[str, Any] = {name: getattr(experiment, name.lower()) for name in OWN}
    sections |= {SEARCH: experiment.search, SPACE: experiment.space_settings}
    info = STRATEGIES.get(experiment.search.strategy)
    if info.section:
        sections[info.section] = experiment.settings
    return write_sections(sections)


def read_strategy_settings(text: str) -> StrategyExperiment:
    """The experiment that `strategy_settings_text` wrote, perhaps of an older program; raises `ConfigError`."""
    source = "the run's settings"
    parser = parse_ini(text, source)
    use_plugins(source, parser, trusted=False)
    return _read(source, parser, text, stored=True)


def _read(
    source: Path | str, parser: configparser.ConfigParser, text: str, *, stored: bool, strategy: str | None = None
) -> StrategyExperiment:
    search = _read_search(source, parser, strategy, stored=stored)
    known = proposing_strategies()
    if search.strategy not in known:
        raise ConfigError(f"{source}: [{SEARCH}] strategy: got '{search.strategy}', allowed here: {', '.join(known)}")
    info = known[search.strategy]
    settings = None
    if info.section:
        kind = resolve(info.settings)
        settings = read_texts(kind, {}, stored=stored)
        if _has(parser, info.section):
            settings = read_section(source, parser, info.section, kind, stored=stored)
    own = {name.lower(): read_section(source, parser, name, kind, stored=stored) for name, kind in OWN.items()}
    experiment = StrategyExperiment(
        **own,
        search=search,
        space_settings=_read_space(source, parser, stored=stored),
        settings=settings,
        text=text,
    )
    try:
        experiment.fitness.skeleton(experiment.network)
    except ConfigError as error:
        raise ConfigError(f"{source}: [Fitness] {error}") from None
    return experiment


def _read_search(
    source: Path | str, parser: configparser.ConfigParser, strategy: str | None, *, stored: bool
) -> SearchSettings:
    """What [Search] says, with `strategy`, if there is one, in the place of the one that it names."""
    if strategy is not None:
        if not _has(parser, SEARCH):
            parser.add_section(SEARCH)
        parser.set(SEARCH, "strategy", strategy)
    if not _has(parser, SEARCH):
        return SearchSettings()
    return read_section(source, parser, SEARCH, SearchSettings, stored=stored)


def _read_space(source: Path | str, parser: configparser.ConfigParser, *, stored: bool) -> SpaceSettings:
    if _has(parser, SPACE) or not _has(parser, GENOME_SECTION):
        return read_section(source, parser, SPACE, SpaceSettings, stored=stored)
    genome = read_section(source, parser, GENOME_SECTION, GenomeSettings, stored=stored)
    return SpaceSettings(
        genome.op_options,
        genome.activation_options,
        genome.aggregation_options,
        genome.max_nodes or DEFAULT_NODES,
        genome.num_inputs,
        **values_of(genome.skeleton_options()),
        **values_of(genome.motif_options()),
    )


def _has(parser: configparser.ConfigParser, section: str) -> bool:
    return parser.has_section(section)
