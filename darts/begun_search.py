"""What a search was asked for, kept in its folder and taken up again when it goes on."""

from __future__ import annotations

import dataclasses
import json
import logging
from functools import partial
from pathlib import Path
from typing import Any

from darts.run_files import BEGUN, CHECKPOINT
from darts.searches import shown_folder
from darts.settings import DartsExperiment, load_darts_experiment
from neat_deep.base.errors import ConfigError, SearchError
from neat_deep.base.files import copy_file, read_text, write_text
from neat_deep.base.shipped import architecture_file
from neat_deep.cli.complete_run import tested_result
from neat_deep.cli.options import LIMITS, Given, flag
from neat_deep.cli.overrides import override, read_settings
from neat_deep.space.architecture import Architecture
from neat_deep.strategies.starts import read_start

OPTIONS = "options.json"  # what the command line said over the INI file, for a resume
KEPT_OPTIONS = ("search_epochs", "minutes", "dataset", "data_root", "max_length", "seed", "device", "threads")
OLDER_OPTIONS = {"epochs": "search_epochs"}  # by the names that earlier versions kept them under
ROUNDING_OPTIONS = ("device", "threads")
SETTINGS = "experiment.ini"  # as it was given, to be read by people
START = "start.json"  # the architecture that the alphas favoured at first, if one was given

log = logging.getLogger(__name__)


def read_darts_experiment(config: Path, given: Given, run: Path | None = None) -> DartsExperiment:
    """The experiment of the INI file `config`, with what the options say in place; raises `ConfigError`.

    The file may be one of those that the `run` has in its folder.
    """
    stored = run is not None and config == run / BEGUN
    trusted = run is None or config not in (run / BEGUN, run / SETTINGS)
    experiment = read_settings(config, given, partial(load_darts_experiment, stored=stored, trusted=trusted))
    return dataclasses.replace(experiment, darts=override(experiment.darts, given, {"search_epochs": "epochs"}))


def keep_request(config: Path, given: Given, folder: Path, data_root: str) -> None:
    """Keep in the run's folder what its resume needs; another working directory must not change `data_root`."""
    copy_file(config, folder / SETTINGS)
    if "start" in given:
        with architecture_file(given["start"]) as path:
            copy_file(path, folder / START)
    kept = {name: given[name] for name in KEPT_OPTIONS if name in given}
    if "data_root" in kept:
        kept["data_root"] = data_root
    write_text(folder / OPTIONS, json.dumps(kept, indent=2) + "\n")


def take_up(folder: Path, config: Path | None, given: Given) -> tuple[Path, Given]:
    """The INI file and the options of a begun search: what it was begun with where the command line says nothing."""
    if not (shown_folder(folder) / CHECKPOINT).is_file():
        if not (folder / BEGUN).is_file():
            raise SearchError(f"{folder} holds no {CHECKPOINT}; allowed: the folder of a begun search")
        log.warning("%s: the search was stopped in its first epoch, and begins anew", folder)
    options = {name: value for name, value in given.items() if name != "out"}  # the folder is there
    if "start" in given:
        _check_same_start(given["start"], folder)
    elif (folder / START).is_file():
        options["start"] = folder / START
    options = {**_kept_options(folder), **options}
    complete = folder / BEGUN
    kept = complete if complete.is_file() else folder / SETTINGS  # older searches kept only this
    return config or kept, options


def warn_of_roundings(folder: Path, given: Given) -> None:
    """Log what the command line says otherwise than before, and what rounds differently for it."""
    before = _kept_options(folder)
    for name in ROUNDING_OPTIONS:
        if name in before and given.get(name) != before[name]:
            log.warning(
                "this search was started with other roundings (%s): from here on it is not the one that it would "
                "have been", flag(name),
            )  # fmt: skip


def is_complete(folder: Path, experiment: DartsExperiment, retrainings: int) -> bool:
    """Whether a search has come to the result that is asked for; one that is asked for another is not."""
    result = tested_result(folder, retrainings)
    if result is None:
        return False
    begun = read_darts_experiment(*take_up(folder, None, {}), folder)
    names = ["out", *ROUNDING_OPTIONS]
    if result.get("stopped_early") or result.get("search_epochs", 0) >= experiment.darts.epochs:
        names += LIMITS  # no epoch is left that more time were for
    free = {name: getattr(experiment.run, name) for name in names}
    data = dataclasses.replace(begun.data, root=experiment.data.root)
    return dataclasses.replace(begun, data=data, run=dataclasses.replace(begun.run, **free)) == experiment


def _kept_options(folder: Path) -> dict[str, Any]:
    if not (folder / OPTIONS).is_file():
        return {}
    text = read_text(folder / OPTIONS, "options", SearchError)
    try:
        kept = dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise SearchError(f"{folder / OPTIONS}: not the options of a search: {error}") from None
    kept = {OLDER_OPTIONS.get(name, name): value for name, value in kept.items()}
    return {name: kept[name] for name in KEPT_OPTIONS if kept.get(name) is not None}


def _check_same_start(start: Path, folder: Path) -> None:
    if not (folder / START).is_file():
        raise ConfigError(f"--start: got {start}, the search in {folder} began without one; allowed: none")
    if read_start(start).cell != Architecture.load(folder / START).cell:
        raise ConfigError(f"--start: got {start}, the search in {folder} began from another cell; allowed: that one")
