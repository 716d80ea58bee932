"""What the command does for a search by gradient descent: from its request to the result table."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from darts.bilevel import SearchResult, search
from darts.checks import check_search
from darts.page import read_run as read_page
from darts.reporting import SearchProgress, SearchRecorder
from darts.restarts import Restart, cost_of, search_several
from darts.run_clock import RunClock
from darts.run_files import BEGUN, CHECKPOINT
from darts.searches import shown_folder
from darts.settings import DartsExperiment, darts_settings_text, load_darts_experiment
from darts.time_plan import DartsPlan, measure_darts_pace, plan_minutes
from darts.warm_starts import check_holdable
from neat_deep.base.devices import set_threads
from neat_deep.base.errors import ConfigError, SearchError, in_section
from neat_deep.base.files import copy_file, read_text, write_text
from neat_deep.base.locks import lock_file
from neat_deep.base.run_folder import new_folder
from neat_deep.base.screen import screen
from neat_deep.base.shipped import architecture_file
from neat_deep.cli.complete_run import tell_complete, tested_result
from neat_deep.cli.experiment import check_same_folder
from neat_deep.cli.options import LIMITS, Given, flag, retrainings_of
from neat_deep.cli.overrides import (
    check_kind,
    load_inputs,
    naming_minutes,
    override,
    place_of,
    read_settings,
    saying_where_data_go,
)
from neat_deep.cli.request import Request
from neat_deep.cli.result_page import write_page_after_search
from neat_deep.cli.results import (
    data_figures,
    data_numbers,
    show_results,
    threads_figures,
    training_figures,
    training_numbers,
)
from neat_deep.cli.retraining import train_and_report
from neat_deep.cli.running import naming
from neat_deep.data import Dataset
from neat_deep.networks.suitability import check_skeleton
from neat_deep.reports.pictures.render import draw_cell, draw_network, try_picture
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph
from neat_deep.space.skeleton_options import SkeletonOptions
from neat_deep.strategies.starts import read_start, start_skeleton, without_gates
from neat_deep.training.suitability import check_training_settings
from neat_deep.training.trained_file import Trained

OPTIONS = "options.json"  # what the command line said over the INI file, for a resume
KEPT_OPTIONS = ("search_epochs", "minutes", "dataset", "data_root", "max_length", "seed", "device", "threads")
OLDER_OPTIONS = {"epochs": "search_epochs"}  # by the names that earlier versions kept them under
ROUNDING_OPTIONS = ("device", "threads")
SETTINGS = "experiment.ini"  # as it was given, to be read by people
START = "start.json"  # the architecture that the alphas favoured at first, if one was given

log = logging.getLogger(__name__)


def run_darts(request: Request) -> None:
    """Search, derive, retrain, report, or resume a search that stopped; raises `NeatDeepError`.

    A `search_only` request leaves the retraining out.
    """
    retrainings = 0 if request.search_only else retrainings_of(request.given)
    config, given = request.config, request.given
    if request.run is not None:
        with naming(request.place):
            config, given = _take_up(request.run, config, given)
    assert config is not None
    experiment = read_darts_experiment(config, given, request.run)
    if request.run is not None:
        check_same_folder(request.given.get("out"), request.run, experiment.run.out)
        if _is_complete(request.run, experiment, retrainings):
            tell_complete(request.run, "--retrainings with a larger number trains it again, from other seeds too")
            return  # before the data are read, and the test set once more
        _warn_of_roundings(request.run, given)
    start, start_note = None, ""
    if "start" in given:
        with naming("--start"):
            architecture = read_start(given["start"])
            check_kind(given["start"], architecture, experiment.data.dataset)
        start = without_gates(architecture.cell)
        if request.run is None:
            note = start_skeleton(SkeletonOptions(), experiment.network, architecture.skeleton).note
            start_note = f"starting from {given['start']}: {note}"
        with naming(f"--start: {given['start']}"):
            check_holdable(experiment.darts.space(), start)
    set_threads(experiment.run.threads)
    with saying_where_data_go(request.run is not None):
        device, dataset = load_inputs(config, given, experiment)
    with naming(f"{config}: [Network]"):
        check_skeleton(experiment.network, dataset.spec)
    with naming(f"{config}: [Darts]"):
        check_search(experiment.darts, experiment.network, dataset)
    with naming(config), in_section("Training"):
        check_training_settings(experiment.training, dataset.spec)
    spent = 0.0 if request.run is None else RunClock(request.run, request.started).spent
    with naming_minutes(config, given):
        plan = _plan(experiment, dataset, device, request, spent, retrainings)
    if plan is not None:
        given = {**given, "search_epochs": plan.epochs}  # a resume keeps them: the schedules are shaped for them
        experiment = dataclasses.replace(experiment, darts=dataclasses.replace(experiment.darts, epochs=plan.epochs))
    with naming(place_of(config, given, "[Run] out", "out")):
        folder = request.run or new_folder(experiment.run.out)
    if request.run is None:
        whole = dataclasses.replace(experiment, data=experiment.data.with_whole_paths())
        _keep_request(config, given, folder, whole.data.root)
        write_text(folder / BEGUN, darts_settings_text(whole))
    console = screen()
    console.print(f"searching on {dataset.spec.name}, {device}; traces in {folder}", highlight=False, soft_wrap=True)
    if start_note:
        console.print(start_note, highlight=False, markup=False, soft_wrap=True)
    if dataset.note:
        console.print(dataset.note, highlight=False, soft_wrap=True)

    with closing(lock_file(folder / CHECKPOINT)):
        clock = RunClock(folder, request.started)
        searched, restarts = _search(experiment, dataset, device, start, folder, console, clock, plan)
    searched.architecture.save(folder / "best.json")
    _draw_result(searched, folder, dataset.spec.shape, dataset.spec.num_classes)
    trained: list[Trained] = []
    threads = 0
    if retrainings:
        threads = clock.training_threads(
            experiment.run.threads, searched.architecture, dataset, experiment.training, device
        )
        trained = train_and_report(
            searched.architecture,
            dataset,
            experiment.training,
            device=device,
            seed=experiment.run.seed,
            repeats=retrainings,
            folder=folder,
            console=console,
            threads=threads,
            seconds=lambda remaining: None if plan is None else plan.left_for_training(remaining),
            on_epoch=clock.tick,
        )
    clock.tick()
    samples, seconds = cost_of(folder, experiment, dataset, restarts, searched)
    figures = {
        **data_figures(dataset),
        **_search_figures(searched, experiment.darts.epochs),
        **_restart_figures(restarts),
        **training_figures(trained),
        **threads_figures(threads, device),
        "seconds of search": f"{seconds:.0f}",
    }
    numbers = {
        **data_numbers(dataset),
        **_search_numbers(searched),
        "restarts": [restart.accuracy for restart in restarts],
        **training_numbers(trained),
        "training_threads": threads,
        "samples": samples,
        "search_seconds": seconds,
        "whole_seconds": clock.seconds,
    }
    show_results(f"DARTS on {dataset.spec.name}", figures, numbers, folder, console)
    write_page_after_search(folder, read_page)


def _plan(
    experiment: DartsExperiment, dataset: Dataset, device: torch.device, request: Request, spent: float, repeats: int
) -> DartsPlan | None:
    """How the run's minutes are shared out, None without a limit; raises `ConfigError`."""
    if not experiment.run.minutes:
        return None
    return plan_minutes(
        experiment,
        measure_darts_pace(experiment, dataset, device),
        started=request.started,
        spent=spent,
        repeats=repeats,
        begun=request.run is not None,
    )


def _search(
    experiment: DartsExperiment,
    dataset: Dataset,
    device: torch.device,
    start: CellGraph | None,
    folder: Path,
    console: Console,
    clock: RunClock,
    plan: DartsPlan | None,
) -> tuple[SearchResult, tuple[Restart, ...]]:
    """The search alone, with its bars and its traces in `folder`; the best of several, and how they did."""
    count = experiment.darts.restarts

    def search_once(number: int, seed: int, own: Path, latest: float | None) -> SearchResult:
        progress = SearchProgress(
            console, experiment.darts.epochs, f"search {number} of {count}, " if count > 1 else ""
        )
        recorder = SearchRecorder(own, experiment.darts.space())
        try:
            return search(
                experiment.darts,
                dataclasses.replace(experiment.network, rank=dataset.spec.rank),
                dataset,
                device=device,
                seed=seed,
                augmentation=experiment.training.augmentation,
                class_weights=experiment.training.class_weights,
                start=start,
                checkpoint=own / CHECKPOINT,
                listeners=(progress, recorder, clock),
                latest=latest,
            )
        finally:
            progress.close()
            recorder.close()

    latest = None if plan is None else plan.latest
    if count == 1:
        return search_once(1, experiment.run.seed, folder, latest), ()
    scoring = 0.0 if plan is None else plan.scoring
    return search_several(search_once, experiment, dataset, device, folder, console, latest, scoring, clock.tick)


def read_darts_experiment(config: Path, given: Given, run: Path | None = None) -> DartsExperiment:
    """The experiment of the INI file `config`, with what the options say in place; raises `ConfigError`.

    The file may be one of those that the `run` has in its folder.
    """
    stored = run is not None and config == run / BEGUN
    trusted = run is None or config not in (run / BEGUN, run / SETTINGS)
    experiment = read_settings(config, given, partial(load_darts_experiment, stored=stored, trusted=trusted))
    return dataclasses.replace(experiment, darts=override(experiment.darts, given, {"search_epochs": "epochs"}))


def _keep_request(config: Path, given: Given, folder: Path, data_root: str) -> None:
    """Keep in the run's folder what its resume needs; another working directory must not change `data_root`."""
    copy_file(config, folder / SETTINGS)
    if "start" in given:
        with architecture_file(given["start"]) as path:
            copy_file(path, folder / START)
    kept = {name: given[name] for name in KEPT_OPTIONS if name in given}
    if "data_root" in kept:
        kept["data_root"] = data_root
    write_text(folder / OPTIONS, json.dumps(kept, indent=2) + "\n")


def _take_up(folder: Path, config: Path | None, given: Given) -> tuple[Path, Given]:
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


def _warn_of_roundings(folder: Path, given: Given) -> None:
    before = _kept_options(folder)
    for name in ROUNDING_OPTIONS:
        if name in before and given.get(name) != before[name]:
            log.warning(
                "this search was started with other roundings (%s): from here on it is not the one that it would "
                "have been", flag(name),
            )  # fmt: skip


def _is_complete(folder: Path, experiment: DartsExperiment, retrainings: int) -> bool:
    """Whether a search has come to the result that is asked for; one that is asked for another is not."""
    result = tested_result(folder, retrainings)
    if result is None:
        return False
    begun = read_darts_experiment(*_take_up(folder, None, {}), folder)
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


def _draw_result(searched: SearchResult, folder: Path, shape: tuple[int, ...], classes: int) -> None:
    title = f"derived cell, supernet's validation accuracy {100 * searched.supernet.accuracy:.2f}%"
    try_picture(draw_cell(searched.derived.cell, title=title, edge_widths=searched.derived.widths()), folder / "best")
    try_picture(draw_network(searched.architecture, shape, classes), folder / "network")


def _search_figures(searched: SearchResult, epochs: int) -> dict[str, str]:
    derived = "not comparable (partial channels)"
    if searched.inherited is not None:
        derived = f"{100 * searched.inherited.accuracy:.2f}%"
    stopped = f" (stopped early: {searched.why_stopped})" if searched.stopped_early else ""
    if not stopped and len(searched.history) < epochs:
        stopped = f" of {epochs} (the time was short)"
    return {
        "validation accuracy of the supernet": f"{100 * searched.supernet.accuracy:.2f}%",
        "  of the derived cell with its weights": derived,
        "epochs of search": f"{len(searched.history)}{stopped}",
    }


def _restart_figures(restarts: Sequence[Restart]) -> dict[str, str]:
    if not restarts:
        return {}
    reached = ", ".join("failed" if one.accuracy is None else f"{100 * one.accuracy:.2f}%" for one in restarts)
    return {"searches, and what their cells reached": f"{len(restarts)}: {reached}"}


def _search_numbers(searched: SearchResult) -> dict[str, object]:
    return {
        "validation_accuracy": searched.supernet.accuracy,
        "inherited_accuracy": None if searched.inherited is None else searched.inherited.accuracy,
        "search_epochs": len(searched.history),
        "stopped_early": searched.stopped_early,
    }
