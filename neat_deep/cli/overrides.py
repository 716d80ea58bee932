"""What a command line says, put over what an INI file says; an error names the one that is to blame."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch

from neat_deep.base.devices import get_device
from neat_deep.base.errors import ConfigError, DataError, NeatDeepError, VectorError
from neat_deep.cli.options import LIMITS, Given, flag
from neat_deep.cli.plugin_option import named_plugins
from neat_deep.cli.running import naming
from neat_deep.config.run_settings import RunSettings
from neat_deep.data import Dataset, load_dataset
from neat_deep.data.registry import DATASETS, reads_folder
from neat_deep.data.settings import DataSettings
from neat_deep.networks.suitability import check_skeleton_rank
from neat_deep.space.architecture import Architecture

Settings = TypeVar("Settings", bound=Any)


def read_settings(config: Path, given: Given, load: Callable[[Path], Settings]) -> Settings:
    """What `load` reads from the INI file `config`, its `data` and `run` with the options in place.

    Raises `ConfigError`.
    """
    with reading(config):
        loaded = load(config)
    data = override_data(override(loaded.data, given, {"dataset": "dataset"}), given)
    data = dataclasses.replace(data, text=override(data.text, given, {"max_length": "max_length"}))
    run = override_run(loaded.run, given, "seed", "device", "out", "workers", "threads")
    run = dataclasses.replace(run, plugins=tuple(dict.fromkeys([*run.plugins, *named_plugins()])))
    return dataclasses.replace(loaded, data=data, run=run)


def override_data(data: DataSettings, given: Given) -> DataSettings:
    """`data` with the folder that `--data-root` names; raises `ConfigError` for a data set that reads none."""
    root = given.get("data_root")
    if root is not None and not reads_folder(data.dataset):
        raise ConfigError(
            f"--data-root: got {root}, allowed with the data set {data.dataset}: none, it reads no folder; for data of "
            "your own, name how they lie there: --dataset image_folder or --dataset tsv"
        )
    return override(data, given, {"data_root": "root"})


def override_run(run: RunSettings, given: Given, *names: str) -> RunSettings:
    """`run` with the limits that were given in place, and the options `names`.

    Another limit takes the place of `generations`, unless that is given too. Raises `ConfigError`, for a limit of 0
    too: in a file it means no limit, and on the command line leaving the option out does.
    """
    for name in LIMITS:
        value = given.get(name)
        if value is not None and not (math.isfinite(value) and value > 0):
            least = "a finite number above 0" if name == "minutes" else "1 or more"
            raise ConfigError(f"{flag(name)}: got {value:g}, allowed: {least}")
    other_limits = [name for name in LIMITS if name != "generations" and given.get(name)]
    limits = {**given, "generations": 0} if other_limits and given.get("generations") is None else given
    return override(run, limits, {name: name for name in (*LIMITS, *names)})


@contextmanager
def reading(config: Path) -> Iterator[None]:
    """Put `--config` before the message of an error about the INI file itself, not about what it says."""
    try:
        yield
    except ConfigError as error:
        if str(error).startswith(f"{config}:"):
            raise
        raise ConfigError(f"--config: {error}") from None


def override(settings: Settings, given: Given, names: Mapping[str, str]) -> Settings:
    """`settings` with the options that were given in place; `names` maps an option to its field.

    Raises `ConfigError`, which names the options that are to blame.
    """
    values = {option: given[option] for option in names if given.get(option) is not None}
    try:
        return dataclasses.replace(settings, **{names[option]: value for option, value in values.items()})
    except NeatDeepError as error:
        text = str(error)
        for option in values:
            if text.startswith(f"{names[option]}:"):
                raise ConfigError(text.replace(names[option], flag(option), 1)) from None
        raise ConfigError(f"{', '.join(map(flag, values))}: {text}") from None


def check_kind(source: object, architecture: Architecture, dataset: str) -> None:
    """Raise `ArchitectureError` for a network for images and a data set of texts, or the reverse.

    That is known before the data are read, or downloaded.
    """
    if dataset in DATASETS:
        with naming(source):
            check_skeleton_rank(architecture.skeleton, dataset, DATASETS.get(dataset).rank)


def load_inputs(config: Path, given: Given, settings: Any) -> tuple[torch.device, Dataset]:
    """The device of `settings.run` and the data set of `settings.data`; an error names the option that is to blame.

    `settings` are what `read_settings` made of the same file and options.
    """
    with naming(place_of(config, given, "[Run] device", "device")):
        device = get_device(settings.run.device)
    try:
        return device, load_dataset(settings.data)
    except NeatDeepError as error:
        data = place_of(config, given, "[Data]", "dataset", "data_root")
        with naming(f"{config}: [Data] text_vectors" if isinstance(error, VectorError) else data):
            raise


@contextmanager
def saying_where_data_go(resume: bool) -> Iterator[None]:
    """Within the block an error about the data of a run that is resumed says how to name the folder that has them."""
    try:
        yield
    except DataError as error:
        if not resume:
            raise
        raise type(error)(f"{error}; --data-root names the folder that has the data now") from None


@contextmanager
def naming_minutes(config: Path, given: Given) -> Iterator[None]:
    """Within the block an error about `minutes` names the option, or the key in the INI file, that they come from."""
    try:
        yield
    except ConfigError as error:
        place = place_of(config, given, "[Run] minutes", "minutes")
        raise ConfigError(f"{place}: {str(error).removeprefix('minutes: ')}") from None


def place_of(config: Path, given: Given, place: str, *names: str) -> str:
    """Where settings come from: those of the options `names` that were given, or else `place` in the INI file."""
    said = [flag(name) for name in names if given.get(name) is not None]
    return ", ".join(said) or f"{config}: {place}"
