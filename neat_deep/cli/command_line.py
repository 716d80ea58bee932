"""What the example scripts share: options, one-line errors, the retraining bar and the table of results."""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import logging
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from neat_deep.base.checks import check_range
from neat_deep.base.devices import get_device
from neat_deep.base.errors import ConfigError, NeatDeepError, StoreError, VectorError
from neat_deep.base.files import read_text, write_text
from neat_deep.config.experiment_file import Experiment, load_experiment, read_settings_text, settings_values
from neat_deep.config.ini import read_ini
from neat_deep.config.neat_sections import MOST_GENOMES
from neat_deep.data import DATASETS, Dataset, load_dataset
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from neat_deep.training.fit import Progress as TrainingProgress
from neat_deep.training.retraining import retrain
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.trained_file import Trained

Settings = TypeVar("Settings", bound=Any)

RESULT = "result.json"
RESUMABLE = "--generations, --workers, --retrainings, --data-root, --device and --threads"


def run_script(main: Callable[[Sequence[str] | None], None]) -> None:
    """Run a script's `main`; a user's mistake ends in one line on standard error and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name may hold what the screen cannot show
    console = Console(stderr=True)
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", handlers=[RichHandler(console=console, show_path=False)]
    )
    try:
        main(None)
        sys.stdout.flush()
    except BrokenPipeError:  # as `| head` leaves us
        print("stopped: nobody reads the output any more", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more at its end
        sys.exit(141)  # as a shell says of SIGPIPE
    except NeatDeepError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def search_options(description: str, config: Path) -> argparse.ArgumentParser:
    """The options of a search script; what is not given is read from the INI file."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--config", type=Path, help=f"INI file of the experiment (default: {config})")
    parser.set_defaults(default_config=config)
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="RUN",
        help=f"go on with the run in this folder; of the other options it takes {RESUMABLE}",
    )
    parser.add_argument("--generations", type=int, help="generations to search; over [Run] generations")
    parser.add_argument("--population", type=int, help="genomes of a generation; over [NEAT] pop_size")
    parser.add_argument("--workers", help="processes that evaluate: 0, a number, or ray; over [Run] workers")
    add_threads_option(parser)
    add_retrainings_option(parser)
    add_common_options(parser)
    return parser


def add_threads_option(parser: argparse.ArgumentParser) -> None:
    """`--threads`, of a search."""
    parser.add_argument(
        "--threads",
        type=int,
        help="threads on the CPU, in each worker; another number rounds differently; over [Run] threads",
    )


def add_retrainings_option(parser: argparse.ArgumentParser) -> None:
    """The option of every script that trains one network from scratch and may repeat that."""
    read = at_least("--retrainings", 1)
    parser.add_argument(
        "--retrainings", type=read, default=1, help="train from scratch with so many seeds, report the mean"
    )


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """The options that every script has."""
    parser.add_argument("--dataset", help=f"{', '.join(DATASETS)}; over [Data] dataset")
    parser.add_argument("--data-root", help="folder that holds the data sets; over [Data] root")
    parser.add_argument("--seed", type=int, help="over [Run] seed")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, ... or auto; over [Run] device")
    parser.add_argument("--out", help="folder for the run; if it exists, a number is appended. Over [Run] out")


def at_least(option: str, low: int) -> Callable[[str], int]:
    """How argparse reads a whole number; `ConfigError`, which names the option, leaves it if that is below `low`."""

    def number(text: str) -> int:
        value = int(text)
        check_range(option, value, low=low)
        return value

    return number


def read_experiment(options: argparse.Namespace) -> Experiment:
    """The experiment of `options.config`, with what the other options say in place; raises `ConfigError`.

    With `--resume` it is the experiment of that run, as its store tells it; raises `StoreError` when it has none, or
    when an INI file is given that says something else.
    """
    if getattr(options, "resume", None) is not None:
        return _read_run(options)
    if options.config is None:
        options.config = options.default_config
    experiment = read_settings(options, load_experiment)
    population = getattr(options, "population", None)
    if population is not None:
        reproduction = experiment.neat.reproduction_config
        low = max(2, reproduction.elitism, getattr(reproduction, "min_species_size", 1))
        check_range("--population", population, low=low, high=MOST_GENOMES)
        experiment.neat.pop_size = population
    return experiment


def read_settings(options: argparse.Namespace, load: Callable[[Path], Settings]) -> Settings:
    """What `load` reads from `options.config`, its `data` and `run` with the other options in place.

    Raises `ConfigError`.
    """
    try:
        loaded = load(options.config)
    except ConfigError as error:
        if str(error).startswith(f"{options.config}:"):  # what the file says, not the file itself
            raise
        raise ConfigError(f"--config: {error}") from None
    data = override(loaded.data, options, {"dataset": "dataset", "data_root": "root"})
    data = dataclasses.replace(data, text=override(data.text, options, {"max_length": "max_length"}))
    names = ("generations", "seed", "device", "out", "workers", "threads")
    run = override(loaded.run, options, {name: name for name in names})
    return dataclasses.replace(loaded, data=data, run=run)


def _read_run(options: argparse.Namespace) -> Experiment:
    """The experiment of the run in `options.resume`, with what may change in place."""
    for name in ("population", "start", "dataset", "seed", "out"):
        if getattr(options, name, None) is not None:
            raise ConfigError(f"{_flag(name)}: not with --resume, whose run has it already; allowed: {RESUMABLE}")
    with naming("--resume"), RunStore.read(options.resume) as store:
        ini, settings = store.fact("ini"), store.fact("settings")
        folder = store.path.parent
        if options.config is not None:
            read_ini(options.config)  # it says what is wrong with a file that is none
            _check_same_file(read_text(options.config, "INI file", ConfigError), ini, options.config)
        experiment = read_settings_text(settings)
    options.config = folder / "experiment.ini"
    names = ("generations", "device", "workers", "threads")
    run = override(experiment.run, options, {name: name for name in names})
    data = override(experiment.data, options, {"data_root": "root"})  # they may have moved; the store knows them
    return dataclasses.replace(experiment, data=data, run=dataclasses.replace(run, out=str(folder)), text=ini)


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


def load_inputs(options: argparse.Namespace, settings: Any) -> tuple[torch.device, Dataset]:
    """The device of `settings.run` and the data set of `settings.data`; an error names the option that is to blame.

    `settings` are what `read_settings` or `read_experiment` made of the same options.
    """
    with naming(place_of(options, "[Run] device", "device")):
        device = get_device(settings.run.device)
    try:
        return device, load_dataset(settings.data)
    except NeatDeepError as error:
        vectors, data = f"{options.config}: [Data] text_vectors", place_of(options, "[Data]", "dataset", "data_root")
        with naming(vectors if isinstance(error, VectorError) else data):
            raise


def override(settings: Settings, options: argparse.Namespace, names: Mapping[str, str]) -> Settings:
    """`settings` with the options that were given in place; `names` maps an option to its field.

    Raises `ConfigError`, which names the options that are to blame.
    """
    values = {option: getattr(options, option, None) for option in names}
    given = {
        option: tuple(value) if isinstance(value, list) else value
        for option, value in values.items()
        if value is not None
    }
    try:
        return dataclasses.replace(settings, **{names[option]: value for option, value in given.items()})
    except NeatDeepError as error:
        text = str(error)
        for option in given:
            if text.startswith(f"{names[option]}:"):
                raise ConfigError(text.replace(names[option], _flag(option), 1)) from None
        raise ConfigError(f"{', '.join(map(_flag, given))}: {text}") from None


@contextmanager
def naming(place: object) -> Iterator[None]:
    """Put `place`, an option or a file, before the message of an error that leaves the block."""
    try:
        yield
    except NeatDeepError as error:
        raise type(error)(f"{place}: {error}") from None


def place_of(options: argparse.Namespace, place: str, *names: str) -> str:
    """Where settings come from: those of the options `names` that were given, or else `place` in the INI file."""
    given = [_flag(name) for name in names if getattr(options, name) is not None]
    return ", ".join(given) or f"{options.config}: {place}"


def train_and_report(
    architecture: Architecture,
    dataset: Dataset,
    settings: TrainingSettings,
    *,
    device: torch.device,
    seed: int,
    repeats: int,
    folder: Path,
    console: Console,
) -> list[Trained]:
    """Train from scratch with `repeats` seeds, with a bar, and save the first network as `trained.pt`."""
    results = []
    for repeat in range(repeats):
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True, refresh_per_second=2) as bar:
            task = bar.add_task(f"retraining {repeat + 1} of {repeats}", total=1.0, note="")

            def show(progress: TrainingProgress, bar: Progress = bar, task: object = task) -> None:
                note = f"epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.3f}"
                bar.update(task, completed=progress.share, note=note)  # type: ignore[arg-type]

            trained = retrain(architecture, dataset, settings, device=device, seed=seed + repeat, on_step=show)
        console.print(
            f"retrained with seed {seed + repeat}: test accuracy {100 * trained.test.accuracy:.2f}%"
            f"  ({trained.seconds:.0f} s)",
            highlight=False,
        )
        if repeat == 0:
            trained.save(folder / "trained.pt")
        results.append(trained)
    return results


def data_figures(dataset: Dataset) -> dict[str, str]:
    """The row of the result table that says what is unusual about the data's parts, if anything is."""
    return {"data": dataset.note} if dataset.note else {}


def data_numbers(dataset: Dataset) -> dict[str, Any]:
    """The data set's name and what is unusual about its parts."""
    return {"dataset": dataset.spec.name, "dataset_note": dataset.note}


def training_figures(results: Sequence[Trained]) -> dict[str, str]:
    """The rows of the result table that come from retraining."""
    accuracies = [100 * trained.test.accuracy for trained in results]
    spread = f" ± {statistics.stdev(accuracies):.2f} ({len(accuracies)} seeds)" if len(accuracies) > 1 else ""
    first = results[0]
    example = "an image" if first.data.rank == 2 else f"a text of {first.data.shape[0]} tokens"
    return {
        "test accuracy after retraining": f"{statistics.mean(accuracies):.2f}%{spread}",
        "parameters": f"{first.parameters:,}",
        f"multiply-accumulates {example}": f"{first.macs:,}",
        "cells": str(first.architecture.skeleton.cells),
        "nodes in the cell": str(len(first.architecture.cell.canonical().nodes)),
        "seconds of retraining": f"{statistics.mean(trained.seconds for trained in results):.0f}",
    }


def training_numbers(results: Sequence[Trained]) -> dict[str, Any]:
    """The same figures for programs: accuracies are shares (0..1), one for each seed."""
    first = results[0]
    return {
        "test_accuracies": [trained.test.accuracy for trained in results],
        "parameters": first.parameters,
        "macs": first.macs,
        "retraining_seconds": [trained.seconds for trained in results],
    }


def show_results(
    title: str, figures: Mapping[str, str], numbers: Mapping[str, Any], folder: Path, console: Console
) -> None:
    """Print the one table of a run, `figures`, and keep `numbers`, the same for programs, as `result.json`.

    The command line stands there too, since its options go before the INI file.
    """
    table = Table(title=title, show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in figures.items():
        table.add_row(name, value)
    console.print(table)
    content = {"command": sys.argv, **numbers}
    write_text(folder / RESULT, json.dumps(content, indent=2) + "\n")
    console.print(f"written to {folder}", highlight=False, soft_wrap=True)


def _flag(option: str) -> str:
    """The option as the user writes it."""
    return f"--{option.replace('_', '-')}"
