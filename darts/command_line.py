"""What the command does for a search by gradient descent: from its request to the result table."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from pathlib import Path

import torch
from rich.console import Console

from darts.begun_search import is_complete, keep_request, read_darts_experiment, take_up, warn_of_roundings
from darts.bilevel import SearchResult, search
from darts.checks import check_search
from darts.page import read_run as read_page
from darts.reporting import SearchProgress, SearchRecorder
from darts.restarts import Restart, cost_of, search_several
from darts.run_clock import RunClock
from darts.run_files import BEGUN, CHECKPOINT
from darts.search_figures import draw_result, restart_figures, search_figures, search_numbers
from darts.settings import DartsExperiment, darts_settings_text
from darts.time_plan import DartsPlan, measure_darts_pace, plan_minutes
from darts.warm_starts import check_holdable
from neat_deep.base.devices import set_threads
from neat_deep.base.errors import in_section
from neat_deep.base.files import write_text
from neat_deep.base.locks import lock_file
from neat_deep.base.run_folder import new_folder
from neat_deep.base.screen import screen
from neat_deep.cli.complete_run import tell_complete
from neat_deep.cli.experiment import check_same_folder
from neat_deep.cli.options import retrainings_of
from neat_deep.cli.overrides import (
    check_kind,
    load_inputs,
    naming_minutes,
    place_of,
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
from neat_deep.networks.suitability import check_ops_of_dataset, check_skeleton
from neat_deep.space.cell_graph import CellGraph
from neat_deep.space.skeleton_options import SkeletonOptions
from neat_deep.strategies.starts import read_start, start_skeleton, without_gates
from neat_deep.training.suitability import check_training_settings
from neat_deep.training.trained_file import Trained


def run_darts(request: Request) -> None:
    """Search, derive, retrain, report, or resume a search that stopped; raises `NeatDeepError`.

    A `search_only` request leaves the retraining out.
    """
    retrainings = 0 if request.search_only else retrainings_of(request.given)
    config, given = request.config, request.given
    if request.run is not None:
        with naming(request.place):
            config, given = take_up(request.run, config, given)
    assert config is not None
    experiment = read_darts_experiment(config, given, request.run)
    if request.run is not None:
        check_same_folder(request.given.get("out"), request.run, experiment.run.out)
        if is_complete(request.run, experiment, retrainings):
            tell_complete(request.run, "--retrainings with a larger number trains it again, from other seeds too")
            return  # before the data are read, and the test set once more
        warn_of_roundings(request.run, given)
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
    with naming(config), in_section("Darts"):
        check_ops_of_dataset(experiment.darts.space().real_ops, experiment.data.dataset)
    set_threads(experiment.run.threads)
    with saying_where_data_go(request.run is not None):
        device, dataset = load_inputs(config, given, experiment)
    with naming(config), in_section("Network"):
        check_skeleton(experiment.network, dataset.spec)
    with naming(config), in_section("Darts"):
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
        keep_request(config, given, folder, whole.data.root)
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
    draw_result(searched, folder, dataset.spec.shape, dataset.spec.num_classes)
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
        **search_figures(searched, experiment.darts.epochs),
        **restart_figures(restarts),
        **training_figures(trained),
        **threads_figures(threads, device),
        "seconds of search": f"{seconds:.0f}",
    }
    numbers = {
        **data_numbers(dataset),
        **search_numbers(searched),
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
