"""Does the search's winner beat random genomes of its size, trained in the same way?

    python benchmarks/random_genomes.py runs/mnist_neat/best.json --data-root data --json

Draws genomes from the INI file's `[CellGenome]` section, mutates each a random number of times without any
selection, and keeps those whose network has the winner's number of parameters within a tenth. Each is trained from
scratch as the winner is (all of `[Training]`, train and validation together) and reads the test set once. The winner
itself is not trained here: its figure comes from the search's own table, or from `train_architecture.py`.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

from neat.innovation import InnovationTracker
from rich.console import Console
from rich.table import Table

from neat_deep.architecture import Architecture
from neat_deep.command_line import add_common_options, read_experiment, run_script
from neat_deep.data import DataSpec, load_dataset
from neat_deep.errors import DisconnectedError, SearchError
from neat_deep.expression import express
from neat_deep.genome import CellGenome
from neat_deep.network import build_network, count_parameters
from neat_deep.retraining import retrain
from neat_deep.search import new_folder
from neat_deep.training import get_device, set_threads

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "mnist_neat.ini"
MOST_MUTATIONS = 20
TOLERANCE = 0.1
MOST_TRIES = 20_000


def main(arguments: Any) -> None:
    """Sample, train, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("winner", type=Path, help="JSON file of the winner's architecture")
    parser.add_argument("--config", type=Path, default=CONFIG, help="the search's INI file (default: %(default)s)")
    parser.add_argument("--count", type=int, default=5, help="random genomes to train")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON line last")
    add_common_options(parser)
    options = parser.parse_args(arguments)
    winner = Architecture.load(options.winner)
    experiment = read_experiment(options)
    dataset = load_dataset(experiment.data)
    device = get_device(experiment.run.device)
    set_threads(experiment.run.threads)
    folder = new_folder(options.out or "runs/random_genomes")
    console = Console()
    architectures = sample(winner, experiment.neat.genome_config, dataset.spec, options.count, experiment.run.seed)
    table = Table("genome", "nodes", "parameters", "test accuracy", "seconds")
    accuracies = []
    for number, architecture in enumerate(architectures, 1):
        architecture.save(folder / f"random_{number}.json")
        trained = retrain(
            architecture,
            dataset,
            experiment.training,
            device=device,
            seed=experiment.run.seed,
        )
        accuracies.append(trained.test.accuracy)
        row = (str(number), str(len(architecture.cell.nodes)), f"{trained.parameters:,}")
        table.add_row(*row, f"{100 * trained.test.accuracy:.2f}%", f"{trained.seconds:.0f}")
        console.print(f"random genome {number} of {options.count}: {100 * trained.test.accuracy:.2f}%", highlight=False)
    console.print(table)
    mean, best = statistics.mean(accuracies), max(accuracies)
    console.print(f"mean {100 * mean:.2f}%, best {100 * best:.2f}%", highlight=False)
    if options.json:
        print(json.dumps({"accuracies": accuracies, "mean": mean, "best": best}))


def sample(winner: Architecture, config: Any, data: DataSpec, count: int, seed: int) -> list[Architecture]:
    """`count` different random architectures of about the winner's number of parameters, in its skeleton."""
    random.seed(seed)  # neat-python draws from the global generator
    config.innovation_tracker = InnovationTracker()
    wanted = count_parameters(build_network(winner, data, seed=0))
    seen = {winner.cell.digest()}
    found: list[Architecture] = []
    for key in range(MOST_TRIES):
        if len(found) == count:
            return found
        genome = CellGenome(key)
        genome.configure_new(config)
        for _ in range(random.randrange(MOST_MUTATIONS + 1)):
            genome.mutate(config)
        try:
            cell = express(genome, config).canonical()
        except DisconnectedError:
            continue
        architecture = replace(winner, cell=cell)
        size = count_parameters(build_network(architecture, data, seed=0))
        if cell.digest() not in seen and abs(size - wanted) <= TOLERANCE * wanted:
            seen.add(cell.digest())
            found.append(architecture)
    raise SearchError(
        f"only {len(found)} of {count} random genomes of about {wanted:,} parameters in {MOST_TRIES} tries"
    )


if __name__ == "__main__":
    run_script(main)
