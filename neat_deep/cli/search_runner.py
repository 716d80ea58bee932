"""A search that keeps a run store, from its request to its table: search, train the best network, report."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from neat_deep.base.errors import ConfigError, StoreError
from neat_deep.base.files import copy_file, read_text
from neat_deep.base.run_folder import new_folder
from neat_deep.base.screen import screen
from neat_deep.cli.experiment import read_experiment, read_run, starts_from_a_setting
from neat_deep.cli.options import Given, retrainings_of
from neat_deep.cli.overrides import load_inputs, naming_minutes, place_of, saying_where_data_go
from neat_deep.cli.request import Request
from neat_deep.cli.results import (
    RESULT,
    data_figures,
    data_numbers,
    show_results,
    threads_figures,
    training_figures,
    training_numbers,
)
from neat_deep.cli.retraining import train_and_report
from neat_deep.cli.running import naming
from neat_deep.config.experiment_file import Experiment
from neat_deep.config.run_settings import RunSettings
from neat_deep.config.stored_settings import AnyExperiment
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.data import Dataset
from neat_deep.evolution.expression import seed_genome
from neat_deep.search.checks import check_experiment
from neat_deep.search.evolve import evolve
from neat_deep.search.final_training import training_threads
from neat_deep.search.result import SearchResult
from neat_deep.search.strategy_search import search
from neat_deep.search.time_plan import plan_time
from neat_deep.search.workers import plan_workers
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph
from neat_deep.store.run_store import RunStore
from neat_deep.training.trained_file import Trained

ASKED = ("generations", "evaluations", "samples", "minutes")


def search_and_retrain(request: Request) -> None:
    """Search as an INI file says, or go on with a run that stopped, and read the test set once.

    Raises `NeatDeepError` for what the user can mend, before anything is written.
    """
    console, given, resume = screen(), request.given, request.run is not None
    retrainings = retrainings_of(given)
    experiment, config, spent = _read_request(request)
    if resume and _is_complete(Path(experiment.run.out), experiment, retrainings):
        console.print(
            f"{experiment.run.out}: the search is done, and its best network is trained and tested (result.json); "
            f"{_how_to_continue(Path(experiment.run.out), experiment)}",
            highlight=False,
            soft_wrap=True,
        )
        return  # before the data are read, which takes a while for texts
    with saying_where_data_go(resume):
        device, dataset = load_inputs(config, given, experiment)
    with naming(config):
        check_experiment(experiment, dataset.spec, resume=resume)
    start = None if resume else _read_start(given.get("start"), experiment)
    with naming_minutes(config, given):
        plan = plan_time(experiment, dataset, device=device, started=request.started, spent=spent, repeats=retrainings)
    folder = Path(experiment.run.out) if resume else _new_run_folder(experiment, config, given)
    doing = "resuming the search" if resume else "searching"
    console.print(
        f"{doing} on {dataset.spec.name}, {device}; {plan_workers(experiment.run.workers, device).note}; "
        f"traces in {folder}",
        highlight=False,
        soft_wrap=True,
    )
    if dataset.note:
        console.print(dataset.note, highlight=False, soft_wrap=True)

    options: dict[str, Any] = {
        "resume": resume,
        "budget": plan.budget,
        "listeners": plan.listeners,
        "started": request.started,
    }
    if isinstance(experiment, StrategyExperiment):
        searched = search(experiment, dataset, folder, console, **options)
    else:
        searched = evolve(experiment, dataset, folder, console, start=start, **options)
    console.print(f"the search ended: {searched.ended}", highlight=False, soft_wrap=True)
    architecture = searched.best.architecture
    assert architecture is not None
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
    numbers = {
        **data_numbers(dataset),
        **training_numbers(trained),
        "training_threads": threads,
        **_search_numbers(searched),
        "asked": _asked(experiment.run),
        "threshold": _threshold(experiment),
        "whole_seconds": spent + time.time() - request.started,
    }
    name = experiment.search.strategy if isinstance(experiment, StrategyExperiment) else "NEAT"
    figures = _figures(dataset, trained, threads, device, searched)
    show_results(f"{name} on {dataset.spec.name}", figures, numbers, folder, console)


def _read_request(request: Request) -> tuple[AnyExperiment, Path, float]:
    """The experiment, the file that messages name, and the seconds that a run has taken before."""
    if request.run is None:
        assert request.config is not None
        return read_experiment(request.config, request.given), request.config, 0.0
    with naming(request.place):
        experiment = read_run(request.run, request.config, request.given)
        with RunStore.read(request.run) as store:
            spent = store.seconds()
    return experiment, Path(experiment.run.out) / "experiment.ini", spent


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
        **training_figures(trained),
        **threads_figures(threads, device),
        "seconds of search": f"{searched.seconds:.0f}",
        "networks scored": str(searched.trained),
        "networks reused": str(searched.reused),
        "networks failed": str(searched.failed),
        "training examples seen in the search": f"{searched.samples:,}",
        "spared by reuse of scores": _spared(searched.saved_by_reuse, searched),
        "spared by early stopping": _spared(searched.saved_by_rungs, searched),
    }


def _search_numbers(searched: SearchResult) -> dict[str, Any]:
    """What the search came to, for programs."""
    return {
        "validation_accuracy": searched.best.accuracy,
        "search_seconds": searched.seconds,
        "generations": len(searched.history),
        "ended": searched.ended,
        "networks_scored": searched.trained,
        "networks_reused": searched.reused,
        "networks_failed": searched.failed,
        "samples": searched.samples,
        "samples_saved_by_reuse": searched.saved_by_reuse,
        "samples_saved_by_rungs": searched.saved_by_rungs,
    }


def _read_start(path: Path | None, experiment: AnyExperiment) -> CellGraph | None:
    """The cell that the first generation mutates; raises `NeatDeepError` for one that no genome can hold."""
    if path is None or starts_from_a_setting(experiment):
        return None
    if not isinstance(experiment, Experiment):
        raise ConfigError(f"--start: got {path}, which the strategy '{experiment.search.strategy}' does not know")
    cell = Architecture.load(path).cell
    with naming(f"--start: {path}"):
        seed_genome(cell, experiment.neat.genome_config, 0)
    return cell


def _asked(run: RunSettings) -> dict[str, float]:
    return {name: getattr(run, name) for name in ASKED}


def _threshold(experiment: AnyExperiment) -> float | None:
    """The fitness that ends a search by neat-python, None for the other searches."""
    return experiment.neat.fitness_threshold if isinstance(experiment, Experiment) else None


def _is_complete(folder: Path, experiment: AnyExperiment, retrainings: int) -> bool:
    """Whether a run that was asked for so much has come to its result, with as many retrainings."""
    if not (folder / RESULT).is_file():
        return False
    threshold = _threshold(experiment)
    try:
        result = json.loads(read_text(folder / RESULT, "result", StoreError))
        same = result["asked"] == _asked(experiment.run) and result.get("threshold", threshold) == threshold
        return same and len(result["test_accuracies"]) >= retrainings
    except (ValueError, KeyError, TypeError):
        return False  # none that a whole run wrote


def _how_to_continue(folder: Path, experiment: AnyExperiment) -> str:
    """The option that lets a complete run go on: the one that lifts what ended it."""
    run, threshold = experiment.run, _threshold(experiment)
    ended = json.loads(read_text(folder / RESULT, "result", StoreError)).get("ended", "")
    if threshold is not None and str(ended).startswith("the fitness threshold"):
        return f"--fitness-threshold with more than {threshold:g} goes on"
    limit = next(name for name in ASKED if getattr(run, name))
    return f"--{limit} with more than {getattr(run, limit):g} goes on"


def _spared(samples: int, searched: SearchResult) -> str:
    """Training examples, and their share of what training every connected network in full would have taken."""
    total = searched.samples + searched.saved_by_reuse + searched.saved_by_rungs
    return f"{samples:,} ({100 * samples / max(1, total):.0f}%)"
