"""What a search script does from its command line to its table: search, retrain the best network, report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from neat_deep.base.errors import StoreError
from neat_deep.base.files import copy_file, read_text
from neat_deep.base.run_folder import new_folder
from neat_deep.cli.overrides import (
    RESULT,
    data_figures,
    data_numbers,
    load_inputs,
    naming,
    place_of,
    read_experiment,
    search_options,
    show_results,
    train_and_report,
    training_figures,
    training_numbers,
)
from neat_deep.evolution.expression import seed_genome
from neat_deep.search.checks import check_experiment
from neat_deep.search.evolve import evolve
from neat_deep.search.result import SearchResult
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore


def search_and_retrain(arguments: Sequence[str] | None, *, description: str, config: Path) -> None:
    """Evolve with the settings of an INI file (`config`, unless `arguments` name another), and read the test set once.

    With `--resume` the search is that of a run that stopped, with its own settings.

    `arguments` are those of the command line, None for the process's own. Raises `NeatDeepError` for what the user
    can mend, before anything is written.
    """
    parser = search_options(description, config)
    parser.add_argument(
        "--start", type=Path, metavar="JSON", help="architecture whose cell the first generation mutates"
    )
    options = parser.parse_args(arguments)
    experiment = read_experiment(options)
    console, resume = Console(), options.resume is not None
    if resume and _is_complete(Path(experiment.run.out), experiment.run.generations, options.retrainings):
        console.print(
            f"{experiment.run.out}: the search is done, and its best network is trained and tested (result.json); "
            f"--generations with more than {experiment.run.generations} goes on",
            highlight=False,
            soft_wrap=True,
        )
        return  # before the data are read, which takes a while for texts
    device, dataset = load_inputs(options, experiment)
    with naming(options.config):
        check_experiment(experiment, dataset.spec)
    start = None
    if options.start is not None:
        start = Architecture.load(options.start).cell
        with naming(f"--start: {options.start}"):
            seed_genome(start, experiment.neat.genome_config, 0)  # only to see that a genome can hold it
    if resume:
        folder = Path(experiment.run.out)
    else:
        with naming(place_of(options, "[Run] out", "out")):
            folder = new_folder(experiment.run.out)
        copy_file(options.config, folder / "experiment.ini")
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
        repeats=options.retrainings,
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
