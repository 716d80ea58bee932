"""Evolve an image classifier: search with neat-python, retrain the best network, read the test set once.

    python examples/mnist_neat.py                                   # MNIST, with configs/mnist_neat.ini
    python examples/mnist_neat.py --config configs/digits_neat.ini  # scikit-learn's digits, nothing to download
    python examples/mnist_neat.py --resume runs/mnist_neat          # a run that was stopped, from where it was

Any experiment's INI file and any image data set will do.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from neat_deep.command_line import (
    naming,
    place_of,
    read_experiment,
    run_script,
    search_options,
    show_results,
    train_and_report,
    training_figures,
    training_numbers,
)
from neat_deep.data import load_dataset
from neat_deep.search import SearchResult, check_experiment, evolve, new_folder
from neat_deep.training import get_device

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "mnist_neat.ini"


def main(arguments: Sequence[str] | None) -> None:
    """Search, retrain, report."""
    options = search_options(__doc__ or "", CONFIG).parse_args(arguments)
    experiment = read_experiment(options)
    with naming(place_of(options, "[Run] device", "device")):
        device = get_device(experiment.run.device)
    with naming(place_of(options, "[Data]", "dataset", "data_root")):
        dataset = load_dataset(experiment.data)
    with naming(options.config):
        check_experiment(experiment, dataset.spec)
    resume = options.resume is not None
    if resume:
        folder = Path(experiment.run.out)
    else:
        with naming(place_of(options, "[Run] out", "out")):
            folder = new_folder(experiment.run.out)
        shutil.copy(options.config, folder / "experiment.ini")
    console = Console()
    doing = "resuming the search" if resume else "searching"
    console.print(f"{doing} on {dataset.spec.name}, {device}; traces in {folder}", highlight=False, soft_wrap=True)

    found = evolve(experiment, dataset, folder, console, resume=resume)
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
        "validation accuracy in the search": f"{100 * found.best.accuracy:.2f}%",
        **training_figures(trained),
        "seconds of search": f"{found.seconds:.0f}",
        "genomes scored": str(found.trained),
        "genomes reused": str(found.reused),
        "genomes failed": str(found.failed),
        "training examples seen in the search": f"{found.samples:,}",
        "spared by reuse of scores": spared(found.saved_by_reuse, found),
        "spared by early stopping": spared(found.saved_by_rungs, found),
    }
    numbers = {
        "validation_accuracy": found.best.accuracy,
        **training_numbers(trained),
        "search_seconds": found.seconds,
        "genomes_scored": found.trained,
        "genomes_reused": found.reused,
        "genomes_failed": found.failed,
        "samples": found.samples,
        "samples_saved_by_reuse": found.saved_by_reuse,
        "samples_saved_by_rungs": found.saved_by_rungs,
    }
    show_results(f"NEAT on {dataset.spec.name}", figures, numbers, folder, console)


def spared(samples: int, found: SearchResult) -> str:
    """Training examples, and their share of what training every connected genome in full would have taken."""
    total = found.samples + found.saved_by_reuse + found.saved_by_rungs
    return f"{samples:,} ({100 * samples / max(1, total):.0f}%)"


if __name__ == "__main__":
    run_script(main)
