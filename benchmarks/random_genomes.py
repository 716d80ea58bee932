"""Does the search's winner beat random genomes of its size, trained in the same way?

    python benchmarks/random_genomes.py runs/mnist_neat/best.json --data-root data --json

Draws genomes from the INI file's `[CellGenome]` section, mutates each a random number of times without any
selection, and keeps those whose cells have the winner's number of parameters within a tenth. Stem, reductions and head
do not count: they are the same for all, and hide how much the cells differ. Each is trained from scratch as the winner
is (all of `[Training]`, train and validation together) and reads the test set once. The winner itself is not trained
here: its figure comes from the search's own table, or from `train_architecture.py`.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from neat.innovation import InnovationTracker
from rich.console import Console
from rich.table import Table

from data_options import add_common_options, at_least, given
from neat_deep.base.devices import set_threads
from neat_deep.base.errors import DisconnectedError, SearchError
from neat_deep.base.run_folder import new_folder
from neat_deep.cli.experiment import read_neat_experiment
from neat_deep.cli.overrides import load_inputs
from neat_deep.cli.running import naming, run_script
from neat_deep.data import DataSpec
from neat_deep.evolution.expression import express
from neat_deep.evolution.genome import CellGenome
from neat_deep.networks.cost import count_parameters
from neat_deep.networks.network import build_network
from neat_deep.search.checks import check_experiment
from neat_deep.space.architecture import Architecture
from neat_deep.training.retraining import retrain

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "mnist_neat.ini"
MOST_MUTATIONS = 20
TOLERANCE = 0.1  # of the parameters of the winner's cells
MOST_TRIES = 20_000


def main(arguments: Sequence[str] | None) -> None:
    """Sample, train, print a table."""
    options = _parse(arguments)
    winner = Architecture.load(options.winner)
    experiment = read_neat_experiment(options.config, given(options))
    set_threads(experiment.run.threads)
    device, dataset = load_inputs(options.config, given(options), experiment)
    with naming(options.config):
        check_experiment(experiment, dataset.spec)
    with naming(options.winner):
        winner_size = cell_parameters(winner, dataset.spec)
    architectures = sample(winner, experiment.neat.genome_config, dataset.spec, options.count, experiment.run.seed)
    with naming("--out"):
        folder = new_folder(options.out or "runs/random_genomes")
    console = Console()
    console.print(
        f"the winner's cells have {winner_size:,} parameters; random genomes: within {TOLERANCE:.0%} of that",
        highlight=False,
    )
    table = Table("genome", "nodes", "cell parameters", "all parameters", "test accuracy", "seconds")
    accuracies, sizes = [], []
    for number, architecture in enumerate(architectures, 1):
        architecture.save(folder / f"random_{number}.json")
        sizes.append(cell_parameters(architecture, dataset.spec))
        trained = retrain(architecture, dataset, experiment.training, device=device, seed=experiment.run.seed)
        accuracies.append(trained.test.accuracy)
        score = f"{100 * trained.test.accuracy:.2f}%"
        row = (str(number), str(len(architecture.cell.nodes)), f"{sizes[-1]:,}", f"{trained.parameters:,}")
        table.add_row(*row, score, f"{trained.seconds:.0f}")
        console.print(f"random genome {number} of {options.count}: {score}", highlight=False)
    console.print(table)
    mean, best = statistics.mean(accuracies), max(accuracies)
    console.print(f"mean {100 * mean:.2f}%, best {100 * best:.2f}%", highlight=False)
    if options.json:
        figures = {"accuracies": accuracies, "mean": mean, "best": best, "cell_parameters": sizes}
        print(json.dumps({**figures, "winner_cell_parameters": winner_size, "tolerance": TOLERANCE}))


def sample(winner: Architecture, config: Any, data: DataSpec, count: int, seed: int) -> list[Architecture]:
    """`count` different random architectures in the winner's skeleton, their cells about as large as the winner's.

    Raises `SearchError` when there are not so many among `MOST_TRIES`.
    """
    random.seed(seed)  # neat-python draws from the global generator
    # neat-python keeps its live counters in the configuration: a second sample would go on from the first one's keys.
    config.node_indexer = None
    config.innovation_tracker = InnovationTracker()
    winner_size = cell_parameters(winner, data)
    seen = {winner.cell.digest()}
    architectures: list[Architecture] = []
    for key in range(MOST_TRIES):
        genome = CellGenome(key)
        genome.configure_new(config)
        for _ in range(random.randrange(MOST_MUTATIONS + 1)):
            genome.mutate(config)
        try:
            cell = express(genome, config).canonical()
        except DisconnectedError:
            continue
        digest = cell.digest()
        if digest in seen:
            continue
        seen.add(digest)
        architecture = replace(winner, cell=cell)
        if abs(cell_parameters(architecture, data) - winner_size) <= TOLERANCE * winner_size:
            architectures.append(architecture)
            if len(architectures) == count:
                return architectures
    raise SearchError(
        f"only {len(architectures)} of {count} random genomes with {winner_size:,} parameters in their cells, within"
        f" {TOLERANCE:.0%} of that, in {MOST_TRIES} tries"
    )


def cell_parameters(architecture: Architecture, data: DataSpec) -> int:
    """The trainable weights of all cells, without stem, reductions and head."""
    return count_parameters(build_network(architecture, data, seed=0).cells)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("winner", type=Path, help="JSON file of the winner's architecture")
    parser.add_argument("--config", type=Path, default=CONFIG, help="the search's INI file (default: %(default)s)")
    parser.add_argument("--count", type=at_least("--count", 1), default=5, help="random genomes to train")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON line last")
    add_common_options(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_script(main)
