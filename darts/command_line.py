"""What the scripts of searches by gradient descent share: options, and the run from INI file to result table."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
from contextlib import closing
from pathlib import Path

import torch
from rich.console import Console

from darts.reporting import SearchProgress, SearchRecorder
from darts.search import SearchResult, check_search, search
from darts.settings import DartsExperiment, load_darts_experiment
from darts.warm_start import check_holdable
from neat_deep.base.devices import set_threads
from neat_deep.base.errors import ConfigError, SearchError, in_section
from neat_deep.base.files import copy_file, read_text, write_text
from neat_deep.base.locks import lock_file
from neat_deep.base.run_folder import new_folder
from neat_deep.cli.command_line import (
    add_common_options,
    add_retrainings_option,
    add_threads_option,
    data_figures,
    data_numbers,
    load_inputs,
    naming,
    override,
    place_of,
    read_settings,
    show_results,
    train_and_report,
    training_figures,
    training_numbers,
)
from neat_deep.data import Dataset
from neat_deep.networks.suitability import check_augmentation, check_reductions
from neat_deep.reports.pictures.render import draw_cell, draw_network, try_picture
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph

CHECKPOINT = "search.pt"
OPTIONS = "options.json"  # what the command line said over the INI file, for a resume
KEPT_OPTIONS = ("epochs", "dataset", "data_root", "max_length", "seed", "device", "threads")
ROUNDING_OPTIONS = ("device", "threads")
SETTINGS = "experiment.ini"
START = "start.json"  # the architecture that the alphas favoured at first, if one was given

log = logging.getLogger(__name__)


def darts_options(description: str, config: Path) -> argparse.ArgumentParser:
    """The options of a script that searches by gradient descent; what is not given is read from the INI file."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--config", type=Path, help=f"INI file of the experiment (default: {config})")
    parser.add_argument("--epochs", type=int, help="epochs to search; over [Darts] epochs")
    add_threads_option(parser)
    add_retrainings_option(parser)
    parser.add_argument(
        "--start", type=Path, metavar="JSON", help="an architecture whose cell the alphas favour at first"
    )
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with the search in this folder, from its last whole epoch"
    )
    add_common_options(parser)
    parser.set_defaults(default_config=config)
    return parser


def run_darts(options: argparse.Namespace) -> None:
    """Search, derive, retrain, report: all that a script of this kind does, with `darts_options`."""
    if options.resume is not None:
        _take_up(options)
    options.config = options.config or options.default_config
    experiment = read_darts_experiment(options)
    start = None
    if options.start is not None:
        start = Architecture.load(options.start).cell
        with naming(f"--start: {options.start}"):
            check_holdable(experiment.darts.space(), start)
    set_threads(experiment.run.threads)
    device, dataset = load_inputs(options, experiment)
    with naming(f"{options.config}: [Network]"):
        check_reductions(experiment.network, dataset.spec)
    with naming(f"{options.config}: [Darts]"):
        check_search(experiment.darts, experiment.network, dataset)
    with naming(options.config), in_section("Training"):
        check_augmentation(experiment.training.augmentation, dataset.spec)
    with naming(place_of(options, "[Run] out", "out")):
        folder = options.resume or new_folder(experiment.run.out)
    if options.resume is None:
        copy_file(options.config, folder / SETTINGS)
        if options.start is not None:
            copy_file(options.start, folder / START)
        given = {name: getattr(options, name, None) for name in KEPT_OPTIONS}
        write_text(folder / OPTIONS, json.dumps({k: v for k, v in given.items() if v is not None}, indent=2) + "\n")
    console = Console()
    console.print(f"searching on {dataset.spec.name}, {device}; traces in {folder}", highlight=False, soft_wrap=True)
    if dataset.note:
        console.print(dataset.note, highlight=False, soft_wrap=True)

    with closing(lock_file(folder / CHECKPOINT)):
        found = _search(experiment, dataset, device, start, folder, console)
    found.architecture.save(folder / "best.json")
    _draw_result(found, folder, dataset.spec.shape, dataset.spec.num_classes)
    trained = train_and_report(
        found.architecture,
        dataset,
        experiment.training,
        device=device,
        seed=experiment.run.seed,
        repeats=options.retrainings,
        folder=folder,
        console=console,
    )
    figures = {
        **data_figures(dataset),
        **_search_figures(found),
        **training_figures(trained),
        "seconds of search": f"{found.seconds:.0f}",
    }
    numbers = {
        **data_numbers(dataset),
        **_search_numbers(found),
        **training_numbers(trained),
        "search_seconds": found.seconds,
    }
    show_results(f"DARTS on {dataset.spec.name}", figures, numbers, folder, console)


def _search(
    experiment: DartsExperiment,
    dataset: Dataset,
    device: torch.device,
    start: CellGraph | None,
    folder: Path,
    console: Console,
) -> SearchResult:
    """The search alone, with its bars and its traces in `folder`."""
    progress = SearchProgress(console, experiment.darts.epochs)
    recorder = SearchRecorder(folder, experiment.darts.space())
    try:
        return search(
            experiment.darts,
            dataclasses.replace(experiment.network, rank=dataset.spec.rank),
            dataset,
            device=device,
            seed=experiment.run.seed,
            augmentation=experiment.training.augmentation,
            start=start,
            checkpoint=folder / CHECKPOINT,
            listeners=(progress, recorder),
        )
    finally:
        progress.close()
        recorder.close()


def read_darts_experiment(options: argparse.Namespace) -> DartsExperiment:
    """The experiment of `options.config`, with what the other options say in place; raises `ConfigError`."""
    experiment = read_settings(options, load_darts_experiment)
    return dataclasses.replace(experiment, darts=override(experiment.darts, options, {"epochs": "epochs"}))


def _take_up(options: argparse.Namespace) -> None:
    """Put the INI file and the options that a begun search was given where this command line says nothing."""
    folder: Path = options.resume
    if not (folder / CHECKPOINT).is_file():
        raise SearchError(f"--resume: {folder} holds no {CHECKPOINT}; allowed: the folder of a begun search")
    for name in ("out", "start"):
        if getattr(options, name) is not None:
            raise ConfigError(f"--{name}: got it with --resume, allowed: one of them; the search in {folder} goes on")
    if options.config is None:
        options.config = folder / SETTINGS
    if (folder / START).is_file():
        options.start = folder / START
    if (folder / OPTIONS).is_file():
        text = read_text(folder / OPTIONS, "options", SearchError)
        try:
            given = dict(json.loads(text))
        except (ValueError, TypeError) as error:
            raise SearchError(f"{folder / OPTIONS}: not the options of a search: {error}") from None
        for name in KEPT_OPTIONS:
            if getattr(options, name, None) is None:
                setattr(options, name, given.get(name))
            elif name in ROUNDING_OPTIONS and getattr(options, name) != given.get(name):
                log.warning(
                    "this search was started with other roundings (--%s): from here on it is not the one that it would "
                    "have been", name,
                )  # fmt: skip


def _draw_result(found: SearchResult, folder: Path, shape: tuple[int, ...], classes: int) -> None:
    title = f"derived cell, supernet's validation accuracy {100 * found.supernet.accuracy:.2f}%"
    try_picture(draw_cell(found.derived.cell, title=title, edge_widths=found.derived.widths()), folder / "best")
    try_picture(draw_network(found.architecture, shape, classes), folder / "network")


def _search_figures(found: SearchResult) -> dict[str, str]:
    derived = "not comparable (partial channels)"
    if found.inherited is not None:
        derived = f"{100 * found.inherited.accuracy:.2f}%"
    stopped = " (stopped early: parameter-free ops)" if found.stopped_early else ""
    return {
        "validation accuracy of the supernet": f"{100 * found.supernet.accuracy:.2f}%",
        "  of the derived cell with its weights": derived,
        "epochs of search": f"{len(found.history)}{stopped}",
    }


def _search_numbers(found: SearchResult) -> dict[str, object]:
    return {
        "validation_accuracy": found.supernet.accuracy,
        "inherited_accuracy": None if found.inherited is None else found.inherited.accuracy,
        "search_epochs": len(found.history),
        "stopped_early": found.stopped_early,
    }
