"""A search with neat-python from its request to its table: search, retrain the best network, report."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from neat_deep.base.errors import StoreError
from neat_deep.base.files import copy_file, read_text
from neat_deep.base.run_folder import new_folder
from neat_deep.cli.experiment import read_experiment, read_run
from neat_deep.cli.options import retrainings_of
from neat_deep.cli.overrides import load_inputs, place_of
from neat_deep.cli.results import RESULT, data_figures, data_numbers, show_results, training_figures, training_numbers
from neat_deep.cli.retraining import train_and_report
from neat_deep.cli.runners import Request
from neat_deep.cli.running import naming
from neat_deep.config.experiment_file import Experiment
from neat_deep.evolution.expression import seed_genome
from neat_deep.search.checks import check_experiment
from neat_deep.search.evolve import evolve
from neat_deep.search.result import SearchResult
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph
from neat_deep.store.run_store import RunStore


def search_and_retrain(request: Request) -> None:
    """Evolve as an INI file says, or go on with a run that stopped, and read the test set once.

    Raises `NeatDeepError` for what the user can mend, before anything is written.
    """
    console, given = Console(), request.given
    retrainings = retrainings_of(given)
    if request.run is not None:
        with naming(request.place):
            experiment = read_run(request.run, request.config, given)
        config = Path(experiment.run.out) / "experiment.ini"
    else:
        assert request.config is not None
        config = request.config
        experiment = read_experiment(config, given)
    resume = request.run is not None
    if resume and _is_complete(Path(experiment.run.out), experiment.run.generations, retrainings):
        console.print(
            f"{experiment.run.out}: the search is done, and its best network is trained and tested (result.json); "
            f"--generations with more than {experiment.run.generations} goes on",
            highlight=False,
            soft_wrap=True,
        )
        return  # before the data are read, which takes a while for texts
    device, dataset = load_inputs(config, given, experiment)
    with naming(config):
        check_experiment(experiment, dataset.spec)
    start = None if resume else _read_start(given.get("start"), experiment)
    if resume:
        folder = Path(experiment.run.out)
    else:
        with naming(place_of(config, given, "[Run] out", "out")):
            folder = new_folder(experiment.run.out)
        copy_file(config, folder / "experiment.ini")
    doing = "resuming the search" if resume else "searching"
    console.print(f"{doing} on {dataset.spec.name}, {device}; traces in {folder}", highlight=False, soft_wrap=True)
    if dataset.note:
        console.print(dataset.note, highlight=False, soft_wrap=True)

    found = evolve(experiment, dataset, folder, console, start=start, resume=resume)
    assert found.best.architecture is not None and found.best.accuracy is not None
    trained = train_and_report(
        found.best.architecture,
        dataset,
        experiment.training,
        device=device,
        seed=experiment.run.seed,
        repeats=retrainings,
        folder=folder,
        console=console,
    )
    figures = {
        **data_figures(dataset),
        "validation accuracy in the search": f"{100 * found.best.accuracy:.2f}%",
        **training_figures(trained),
        "seconds of search": f"{found.seconds:.0f}",
        "genomes scored": str(found.trained),
        "genomes reused": str(found.reused),
        "genomes failed": str(found.failed),
        "training examples seen in the search": f"{found.samples:,}",
        "spared by reuse of scores": _spared(found.saved_by_reuse, found),
        "spared by early stopping": _spared(found.saved_by_rungs, found),
    }
    numbers = {
        **data_numbers(dataset),
        "validation_accuracy": found.best.accuracy,
        **training_numbers(trained),
        "search_seconds": found.seconds,
        "generations": len(found.history),
        "generations_asked": experiment.run.generations,
        "genomes_scored": found.trained,
        "genomes_reused": found.reused,
        "genomes_failed": found.failed,
        "samples": found.samples,
        "samples_saved_by_reuse": found.saved_by_reuse,
        "samples_saved_by_rungs": found.saved_by_rungs,
    }
    show_results(f"NEAT on {dataset.spec.name}", figures, numbers, folder, console)


def _read_start(path: Path | None, experiment: Experiment) -> CellGraph | None:
    """The cell that the first generation mutates; raises `NeatDeepError` for one that no genome can hold."""
    if path is None:
        return None
    cell = Architecture.load(path).cell
    with naming(f"--start: {path}"):
        seed_genome(cell, experiment.neat.genome_config, 0)
    return cell


def _is_complete(folder: Path, generations: int, retrainings: int) -> bool:
    """Whether a run that was asked for so many generations has come to its result, with as many retrainings."""
    if not (folder / RESULT).is_file():
        return False
    with RunStore.read(folder) as store:
        scored = len(store.generations())
    try:
        result = json.loads(read_text(folder / RESULT, "result", StoreError))
        told = result["generations"], result["generations_asked"]
        return told == (scored, generations) and len(result["test_accuracies"]) >= retrainings
    except (ValueError, KeyError, TypeError):
        return False  # none that a whole run wrote


def _spared(samples: int, found: SearchResult) -> str:
    """Training examples, and their share of what training every connected genome in full would have taken."""
    total = found.samples + found.saved_by_reuse + found.saved_by_rungs
    return f"{samples:,} ({100 * samples / max(1, total):.0f}%)"
