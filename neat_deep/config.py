"""INI file to typed settings: read once, at the edge, and checked in full before anything runs."""

from __future__ import annotations

import configparser
import dataclasses
import difflib
import logging
import tempfile
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import neat
from neat.config import UnknownConfigItemError

from neat_deep.architecture import MOST_CHANNELS, Skeleton
from neat_deep.checks import check_choice, check_range
from neat_deep.data import Augmentation, DataSettings
from neat_deep.errors import ConfigError, NeatDeepError, unknown_name
from neat_deep.files import read_text
from neat_deep.genome import SECTION as GENOME_SECTION
from neat_deep.genome import CellGenome
from neat_deep.parallel import RAY
from neat_deep.rungs import Ladder
from neat_deep.selection import REPRODUCTIONS
from neat_deep.training import TrainingSettings

log = logging.getLogger(__name__)

Settings = TypeVar("Settings")

MISSPELT = 0.85  # likeness to one of our sections, by difflib; neat-python's [DefaultReproduction] has 0.80
MOST_GENOMES = 100_000  # of a generation

SECTIONS = frozenset(
    {"Data", "Network", "Training", "Fitness", "Run", "Darts"}
    | {"NEAT", GENOME_SECTION, "DefaultSpeciesSet", "DefaultStagnation", *REPRODUCTIONS}
)


@dataclass(frozen=True)
class FitnessSettings:
    """What one genome's score costs: how it is trained and scored during the search.

    What is not named here is taken from `[Training]`, except early stopping, which a short training does without; `ema`
    is off unless it is named here. 0 for a subset means all examples, 0 channels those of `[Network]`.

    `rungs` are the epochs, below `epochs`, after which the networks of a generation are compared and only `rung_share`
    of them trained further, the others' training saved; with `hyperband` some networks skip the first rungs. With
    `inherit` a child starts from its parents' trained weights. `weights_megabytes` bounds the weights that are kept
    for either; a network that takes more than its equal share is trained from scratch instead.

    The fitness is the accuracy (0..1) less the prices of a million parameters, of a million multiply-accumulates and
    of a measured millisecond for one example, all of the network that is scored in the search.
    """

    train_subset: int = 0
    validation_subset: int = 0
    epochs: int = 1
    batch_size: int = 128
    learning_rate: float = 0.003
    augment: bool = False
    channels: int = 0
    ema: float = 0.0
    rungs: tuple[int, ...] = ()
    rung_share: float = 0.5
    hyperband: bool = False
    inherit: bool = False
    weights_megabytes: int = 512
    parameter_price: float = 0.0
    mac_price: float = 0.0
    latency_price: float = 0.0

    def __post_init__(self) -> None:
        check_range("train_subset", self.train_subset, low=0)
        check_range("validation_subset", self.validation_subset, low=0)
        check_range("epochs", self.epochs, low=1)
        check_range("batch_size", self.batch_size, low=2)
        check_range("learning_rate", self.learning_rate, above=0, high=100)
        check_range("channels", self.channels, low=0, high=MOST_CHANNELS)
        check_range("ema", self.ema, low=0, high=0.9999)
        check_range("weights_megabytes", self.weights_megabytes, low=1)
        check_range("parameter_price", self.parameter_price, low=0)
        check_range("mac_price", self.mac_price, low=0)
        check_range("latency_price", self.latency_price, low=0)
        self.ladder()

    def objective(self, accuracy: float, parameters: int, macs: int, latency: float | None = None) -> float:
        """What a network is worth: its accuracy, less the prices of its size, and of its `latency` in milliseconds."""
        size = self.parameter_price * parameters / 1e6 + self.mac_price * macs / 1e6
        return accuracy - size - self.latency_price * (latency or 0.0)

    def ladder(self) -> Ladder:
        """The rungs that a genome's training climbs; without `rungs` there is one."""
        return Ladder((*self.rungs, self.epochs), self.rung_share, self.hyperband)

    def training(self, full: TrainingSettings) -> TrainingSettings:
        """The settings that a genome is trained with, made from those of the final training."""
        augmentation = full.augmentation if self.augment else Augmentation()
        return dataclasses.replace(
            full,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            augmentation=augmentation,
            ema=self.ema,
            early_stopping=0,
        )

    def skeleton(self, full: Skeleton) -> Skeleton:
        """The skeleton that a genome is scored in."""
        return dataclasses.replace(full, channels=self.channels or full.channels)


@dataclass(frozen=True)
class RunSettings:
    """One run: how long, from which seed, where."""

    generations: int = 10
    seed: int = 0
    device: str = "auto"
    threads: int = 0  # of torch on the CPU, in each worker; 0: as many as torch chooses. Another rounds differently
    workers: str = "0"  # processes that evaluate: 0 (this one), a number, or ray
    ray_address: str = "local"  # local, or the address of a Ray cluster
    ray_gpus: float = 0.0  # the share of a GPU that one evaluation takes on Ray
    reproduction: str = "CellReproduction"  # how parents are chosen; its settings stand in the section of that name
    out: str = "runs/neat"

    def __post_init__(self) -> None:
        check_range("generations", self.generations, low=1)
        check_range("seed", self.seed, low=0, high=2**62)
        check_range("threads", self.threads, low=0, high=1024)
        check_range("ray_gpus", self.ray_gpus, low=0)
        check_choice("reproduction", self.reproduction, REPRODUCTIONS)
        if self.workers != RAY and not (self.workers.isdecimal() and int(self.workers) <= 1024):
            raise ConfigError(f"workers: got '{self.workers}', allowed: 0 to 1024, or ray")


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
        neat=_load_neat(path, parser, run.reproduction),
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
        values = _values(settings)
        lines += [f"{key} = {_format(value)}" for key, value in values.items() if (section, key) not in hidden]
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
        return load_experiment(beside)


def settings_values(text: str) -> dict[tuple[str, str], str]:
    """Every value of a text that `settings_text` wrote, by section and key."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {(section, key): value for section in parser.sections() for key, value in parser.items(section)}


def read_ini(path: Path | str) -> configparser.ConfigParser:
    """The parsed file; raises `ConfigError` when it cannot be read or is no INI file."""
    text = read_text(path, "INI file", ConfigError)
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text, source=str(path))
    except configparser.Error as error:
        text = " ".join(str(error).split())
        raise ConfigError(f"{text}; allowed: sections, and in each of them lines of key = value, none twice") from None
    return parser


def check_sections(path: Path | str, parser: configparser.ConfigParser) -> None:
    """Raise `ConfigError` for a section that looks like one of ours, misspelt; warn of what else nobody here reads."""
    strangers = [name for name in parser.sections() if name not in SECTIONS]
    ours = {name.lower(): name for name in sorted(SECTIONS)}
    for name in strangers:
        near = difflib.get_close_matches(name.lower(), ours, n=1, cutoff=MISSPELT)
        if near:
            known = ", ".join(ours.values())
            raise ConfigError(f"{path}: unknown section [{name}]; did you mean [{ours[near[0]]}]? known: {known}")
    if strangers:
        log.warning("%s: neither neat-deep nor neat-python reads [%s]", path, "], [".join(strangers))


def read_section(
    path: Path | str,
    parser: configparser.ConfigParser,
    section: str,
    kind: type[Settings],
    hidden: frozenset[str] | set[str] = frozenset(),
) -> Settings:
    """Read one section into the settings dataclass `kind`; a key is a field's name.

    A field that is a dataclass itself lends its fields as keys with its name before them, as `augmentation_shift`.
    Fields in `hidden` cannot be set from a file. Raises `ConfigError` with file, section and key.
    """
    values = _read_values(path, parser, section)
    try:
        known = {key: hint for key, hint in _keys(kind).items() if key not in hidden}
        for key in values:
            if key not in known:
                raise unknown_name("key", key, known)
        parsed = {key: _parse(key, text, known[key]) for key, text in values.items()}
        return _make(kind, parsed)
    except NeatDeepError as error:
        raise ConfigError(f"{path}: [{section}] {error}") from None


def _read_values(path: Path | str, parser: configparser.ConfigParser, section: str) -> dict[str, str]:
    """The keys of a section with their values, each of one line; raises `ConfigError`."""
    if not parser.has_section(section):
        strangers = [name for name in parser.sections() if name not in SECTIONS]
        near = difflib.get_close_matches(section, strangers, n=1)
        hint = f"; is it [{near[0]}], misspelt?" if near else ""
        raise ConfigError(f"{path}: the section [{section}] is missing{hint}")
    values = {}
    for key in parser.options(section):
        raw = parser.get(section, key, raw=True)
        if "\n" in raw:
            lines = "' and '".join(raw.split("\n"))
            raise ConfigError(f"{path}: [{section}] {key}: got '{lines}': an indented line goes on with the one above")
        try:
            values[key] = parser.get(section, key)
        except configparser.InterpolationError:
            raise ConfigError(f"{path}: [{section}] {key}: got '{raw}'; write %% for a percent sign") from None
    return values


# --- neat-python's own sections: read only to be checked, since neat-python checks little and says less -----------


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


def _load_neat(path: Path | str, parser: configparser.ConfigParser, kind: str) -> neat.Config:
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
    _read_values(path, parser, GENOME_SECTION)
    if not Path(path).is_file():
        raise ConfigError(f"cannot read INI file {path} twice, as neat-python must: it is a pipe or device, not a file")
    try:
        return neat.Config(CellGenome, REPRODUCTIONS[kind], neat.DefaultSpeciesSet, neat.DefaultStagnation, str(path))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except (RuntimeError, ValueError, UnknownConfigItemError, configparser.Error) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from None


# --- text to values ----------------------------------------------------------------------------------------------


def _keys(kind: type[Any]) -> dict[str, Any]:
    """The INI keys of a settings dataclass and their types."""
    keys: dict[str, Any] = {}
    for name, hint in typing.get_type_hints(kind).items():
        if dataclasses.is_dataclass(hint):
            keys.update({f"{name}_{inner}": inner_hint for inner, inner_hint in _keys(typing.cast(type, hint)).items()})
        else:
            keys[name] = hint
    return keys


def _values(settings: Any) -> dict[str, Any]:
    """The values of a settings dataclass, under the keys that an INI file has for them.

    An empty text is left out: it is always a default, and an INI file cannot hold it.
    """
    values: dict[str, Any] = {}
    for f in dataclasses.fields(settings):
        value = getattr(settings, f.name)
        if dataclasses.is_dataclass(value):
            values.update({f"{f.name}_{inner}": inner_value for inner, inner_value in _values(value).items()})
        elif value != "":
            values[f.name] = value
    return values


def _format(value: Any) -> str:
    """A value as an INI file has it."""
    text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text.replace("%", "%%")


def _make(kind: type[Settings], values: Mapping[str, Any]) -> Settings:
    own = dict(values)
    for name, hint in typing.get_type_hints(kind).items():
        if dataclasses.is_dataclass(hint):
            prefix = f"{name}_"
            inner = {key.removeprefix(prefix): own.pop(key) for key in values if key.startswith(prefix)}
            try:
                own[name] = _make(typing.cast(type, hint), inner)
            except ConfigError as error:
                raise ConfigError(f"{prefix}{error}") from None
    for f in dataclasses.fields(typing.cast(Any, kind)):
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING and f.name not in own:
            raise ConfigError(f"the key '{f.name}' is missing")
    return kind(**own)


def _whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split())


def _names(text: str) -> tuple[str, ...]:
    """The names in a list with single spaces between; a name that is empty is an accident of typing."""
    names = tuple(text.split(" "))
    if not all(names):
        raise ValueError("an empty name")
    return names


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


_READERS: dict[Any, tuple[Callable[[str], Any], str]] = {
    int: (int, "a whole number"),
    float: (float, "a number"),
    bool: (_truth, "True, False"),
    tuple[int, ...]: (_whole_numbers, "whole numbers with spaces between"),
    tuple[str, ...]: (_names, "names with one space between"),
    str: (str, "a text"),
}


def _parse(key: str, text: str, hint: Any) -> Any:
    if "#" in text or ";" in text:
        raise ConfigError(f"{key}: got '{text}'; a comment needs a line of its own")
    reader, allowed = _READERS.get(hint, _READERS[str])  # a Literal is a text that its class checks
    if not text and hint != tuple[int, ...]:
        raise ConfigError(f"{key}: got nothing, allowed: {allowed}")
    try:
        return reader(text)
    except (ValueError, KeyError):
        raise ConfigError(f"{key}: got '{text}', allowed: {allowed}") from None
