"""A search that keeps a run store, from its request to its table: search, train the best network, report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from neat_deep.base.files import copy_file
from neat_deep.base.run_folder import new_folder
from neat_deep.base.screen import screen
from neat_deep.cli.complete_run import asked_numbers, how_to_continue, tell_complete
from neat_deep.cli.experiment import read_experiment, read_run
from neat_deep.cli.options import Given, retrainings_of
from neat_deep.cli.overrides import check_kind, load_inputs, naming_minutes, place_of, saying_where_data_go
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
from neat_deep.config.stored_settings import AnyExperiment, strategy_name
from neat_deep.data import Dataset
from neat_deep.reports.finalists import Finalist
from neat_deep.reports.html.store_run import read_run as read_stored_run
from neat_deep.search.checks import check_experiment, check_ops_before_reading, check_start, skeleton_of_start
from neat_deep.search.final_training import training_threads
from neat_deep.search.result import SearchResult
from neat_deep.search.run_identity import done_so_far, is_asynchronous
from neat_deep.search.time_plan import plan_time
from neat_deep.search.workers import plan_workers
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.registry import STRATEGIES
from neat_deep.strategies.starts import read_start
from neat_deep.training.trained_file import Trained


def search_and_retrain(request: Request) -> None:
    """Search as an INI file says, or go on with a run that stopped, and read the test set once.

    A `search_only` request ends with the search. Raises `NeatDeepError` for what the user can mend, before anything is
    written.
    """
    console, given, resume = screen(), request.given, request.run is not None
    retrainings = 0 if request.search_only else retrainings_of(given)
    experiment, config, spent, done = _read_request(request)
    advice = how_to_continue(Path(experiment.run.out), experiment, retrainings, done) if resume else None
    if advice is not None:
        tell_complete(Path(experiment.run.out), advice)
        return  # before the data are read, which takes a while for texts
    with naming(config):
        check_ops_before_reading(experiment)
    start = None if resume else _read_start(given.get("start"), experiment)
    with saying_where_data_go(resume):
        device, dataset = load_inputs(config, given, experiment)
    if start is not None:
        with naming(f"--start: {given['start']}"):
            check_start(experiment, start, dataset.spec)
    with naming(config):
        check_experiment(experiment, dataset.spec, resume=resume, start=start)
    with naming_minutes(config, given):
        plan = plan_time(experiment, dataset, device=device, started=request.started, spent=spent, repeats=retrainings)
    with naming(config):
        workers = plan_workers(experiment.run.workers, device, experiment.run.ray_gpus)
    folder = Path(experiment.run.out) if resume else _new_run_folder(experiment, config, given)
    doing = "resuming the search" if resume else "searching"
    console.print(
        f"{doing} on {dataset.spec.name}, {device}; {workers.note}; traces in {folder}",
        highlight=False,
        soft_wrap=True,
    )
    if start is not None:
        note = skeleton_of_start(experiment, start, dataset.spec).note
        console.print(f"starting from {given['start']}: {note}", highlight=False, markup=False, soft_wrap=True)
    if dataset.note:
        console.print(dataset.note, highlight=False, soft_wrap=True)

    options: dict[str, Any] = {
        "start": start,
        "resume": resume,
        "budget": plan.budget,
        "listeners": plan.listeners,
        "started": request.started,
    }
    strategy = STRATEGIES.get(strategy_name(experiment))
    searched: SearchResult = strategy.code_of_loop()(experiment, dataset, folder, console, **options)
    console.print(f"the search ended: {searched.ended}", highlight=False, soft_wrap=True)
    architecture = searched.best.architecture
    assert architecture is not None
    trained: list[Trained] = []
    threads = 0
    if retrainings:
        with RunStore.resume(folder) as store:
            store.start_clock("training")
            threads = training_threads(store, architecture, dataset, experiment.training, experiment.run, device)
            trained = train_and_report(
                architecture,
                dataset,
                experiment.training,
                device=device,
                seed=experiment.run.seed,
                repeats=retrainings,
                folder=folder,
                console=console,
                threads=threads,
                seconds=plan.left_for_training,
                on_epoch=store.tick,
            )
            store.stop_clock()
    with RunStore.read(folder) as store:
        done = done_so_far(store)
    numbers = {
        **data_numbers(dataset),
        **training_numbers(trained),
        "training_threads": threads,
        "asynchronous": is_asynchronous(experiment),
        **_search_numbers(searched),
        **asked_numbers(experiment, done),
        "whole_seconds": spent + time.time() - request.started,
    }
    figures = _figures(dataset, trained, threads, device, searched)
    show_results(f"{strategy.name} on {dataset.spec.name}", figures, numbers, folder, console)
    write_page_after_search(folder, read_stored_run)


def _read_request(request: Request) -> tuple[AnyExperiment, Path, float, dict[str, int]]:
    """The experiment, the file that messages name, the seconds that a run has taken before, and what it has done."""
    if request.run is None:
        assert request.config is not None
        return read_experiment(request.config, request.given), request.config, 0.0, {}
    with naming(request.place):
        experiment = read_run(request.run, request.config, request.given)
        with RunStore.read(request.run) as store:
            spent, done = store.seconds(), done_so_far(store)
    return experiment, Path(experiment.run.out) / "experiment.ini", spent, done


def _new_run_folder(experiment: AnyExperiment, config: Path, given: Given) -> Path:
    """A new folder, with the INI file in it."""
    with naming(place_of(config, given, "[Run] out", "out")):
        folder = new_folder(experiment.run.out)
    copy_file(config, folder / "experiment.ini")
    return folder


def _figures(
    dataset: Dataset, trained: Sequence[Trained], threads: int, device: torch.device, searched: SearchResult
) -> dict[str, str]:
    """The rows of the result table."""
    assert searched.best.accuracy is not None
    return {
        **data_figures(dataset),
        "validation accuracy in the search": f"{100 * searched.best.accuracy:.2f}%",
        **_finalist_figures(searched),
        **training_figures(trained),
        **threads_figures(threads, device),
        "seconds of search": f"{searched.seconds:.0f}",
        "networks scored": str(searched.trained),
        "networks reused": str(searched.reused),
        "networks failed": str(searched.failed),
        **({"networks screened out": f"{searched.screened_out:,}"} if searched.screened_out else {}),
        "training examples seen in the search": f"{searched.samples:,}",
        "spared by reuse of scores": _spared(searched.saved_by_reuse, searched),
        "spared by early stopping": _spared(searched.saved_by_rungs, searched),
    }


def _search_numbers(searched: SearchResult) -> dict[str, Any]:
    """What the search came to, for programs."""
    return {
        "validation_accuracy": searched.best.accuracy,
        "finalists": [_finalist_numbers(finalist) for finalist in searched.finalists],
        "search_seconds": searched.seconds,
        "generations": len(searched.history),
        "ended": searched.ended,
        "networks_scored": searched.trained,
        "networks_reused": searched.reused,
        "networks_failed": searched.failed,
        "networks_screened_out": searched.screened_out,
        "samples": searched.samples,
        "samples_saved_by_reuse": searched.saved_by_reuse,
        "samples_saved_by_rungs": searched.saved_by_rungs,
    }


def _finalist_figures(searched: SearchResult) -> dict[str, str]:
    if not searched.finalists:
        return {}
    winner = searched.finalists[0]
    place = f"no. {winner.rank} of the search, the best of {len(searched.finalists)} finalists"
    return {"  trained again": f"{100 * (winner.accuracy or 0.0):.2f}% ({place})"}


def _finalist_numbers(finalist: Finalist) -> dict[str, Any]:
    return {
        "digest": finalist.record.digest,
        "rank": finalist.rank,
        "accuracy_in_search": finalist.record.accuracy,
        "accuracies": [trial.metrics.get("accuracy") for trial in finalist.trials],
        "objective": finalist.objective,
        "samples": sum(trial.samples for trial in finalist.trials),
        "seconds": sum(trial.seconds for trial in finalist.trials),
    }


def _read_start(path: Path | None, experiment: AnyExperiment) -> Architecture | None:
    """What the search starts from, before the data are read; raises `NeatDeepError` for what is no start for them."""
    if path is None:
        return None
    with naming("--start"):
        start = read_start(path)
        check_kind(path, start, experiment.data.dataset)
    return start


def _spared(samples: int, searched: SearchResult) -> str:
    """Training examples, and their share of what training every connected network in full would have taken."""
    total = searched.samples + searched.saved_by_reuse + searched.saved_by_rungs
    return f"{samples:,} ({100 * samples / max(1, total):.0f}%)"
