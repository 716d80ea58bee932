"""Evolve an image classifier: search with neat-python, retrain the best network, read the test set once.

    python examples/mnist_neat.py                                   # MNIST, with configs/mnist_neat.ini
    python examples/mnist_neat.py --config configs/digits_neat.ini  # scikit-learn's digits, nothing to download

Any experiment's INI file and any image data set will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from neat_deep.architecture import Architecture
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
from neat_deep.expression import seed_genome
from neat_deep.files import copy_file
from neat_deep.search import check_experiment, evolve, new_folder
from neat_deep.training import get_device

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "mnist_neat.ini"


def main(arguments: Sequence[str] | None) -> None:
    """Search, retrain, report."""
    parser = search_options(__doc__ or "", CONFIG)
    parser.add_argument(
        "--start", type=Path, metavar="JSON", help="architecture whose cell the first generation mutates"
    )
    options = parser.parse_args(arguments)
    experiment = read_experiment(options)
    with naming(place_of(options, "[Run] device", "device")):
        device = get_device(experiment.run.device)
    with naming(place_of(options, "[Data]", "dataset", "data_root")):
        dataset = load_dataset(experiment.data)
    with naming(options.config):
        check_experiment(experiment, dataset.spec)
    start = None
    if options.start is not None:
        start = Architecture.load(options.start).cell
        with naming(f"--start: {options.start}"):
            seed_genome(start, experiment.neat.genome_config, 0)  # only to see that a genome can hold it
    with naming(place_of(options, "[Run] out", "out")):
        folder = new_folder(experiment.run.out)
    copy_file(options.config, folder / "experiment.ini")
    console = Console()
    console.print(f"searching on {dataset.spec.name}, {device}; traces in {folder}", highlight=False, soft_wrap=True)

    found = evolve(experiment, dataset, folder, console, start=start)
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
    }
    numbers = {
        "validation_accuracy": found.best.accuracy,
        **training_numbers(trained),
        "search_seconds": found.seconds,
        "genomes_scored": found.trained,
        "genomes_reused": found.reused,
        "genomes_failed": found.failed,
    }
    show_results(f"NEAT on {dataset.spec.name}", figures, numbers, folder, console)


if __name__ == "__main__":
    run_script(main)
