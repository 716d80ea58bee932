"""Does the search's fitness rank networks as training in full does? Spearman's rho over architectures of one run.

    python benchmarks/rank_correlation.py [--config configs/digits_neat.ini] [--networks 12] [--retrainings 3] [--json]

It evolves as the INI file says, with rungs and inheritance on (`--rungs`), or reads a finished run (`--run FOLDER`,
whose store has the search's accuracies). Of the networks that were trained to the last rung, equal ones counted once,
it takes `--networks`: those at even steps from the least to the most accurate, so that the good and the bad are there.
Each is trained from scratch as [Training] says and reads the test set once a retraining. rho compares the search's
validation accuracy with the mean test accuracy; with it comes the probability of so high a value by chance (two-sided;
as SciPy computes it, which comes with scikit-learn). A rho over networks that are all good says less than one over all
kinds: the table shows them all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from neat_deep.base.devices import get_device, set_threads
from neat_deep.base.errors import SearchError
from neat_deep.cli.running import run_script
from neat_deep.config.experiment_file import Experiment, load_experiment
from neat_deep.data import Dataset, load_dataset
from neat_deep.reports.pareto import pareto_front
from neat_deep.search.evolve import evolve
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from neat_deep.training.retraining import retrain
from turns import at_least

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "digits_neat.ini"
GENERATIONS = 60


class Pair(NamedTuple):
    """One network: the search's validation accuracy, the test accuracies after retraining, and its size there."""

    fitness: float
    test: list[float]
    parameters: int


def main(arguments: Sequence[str] | None) -> None:
    """Search or read, retrain, print the table."""
    options = _parse(arguments)
    console = Console()
    experiment = _experiment(options)
    dataset = load_dataset(experiment.data)
    with tempfile.TemporaryDirectory() as place:
        folder = options.run
        if folder is None:
            folder = Path(place) / "run"
            with (Path(place) / "screen").open("w", encoding="utf-8") as screen:
                evolve(experiment, dataset, folder, Console(file=screen))
        chosen = choose(folder, experiment, dataset, options.networks)
    set_threads(experiment.run.threads)
    pairs = []
    for fitness, architecture in chosen:
        pairs.append(_retrain(architecture, fitness, experiment, dataset, options.retrainings))
        console.print(f"{100 * fitness:.2f}% in the search, {100 * statistics.fmean(pairs[-1].test):.2f}% retrained")
    correlation = spearmanr([pair.fitness for pair in pairs], [statistics.fmean(pair.test) for pair in pairs])
    console.print(_table(pairs, float(correlation.statistic), float(correlation.pvalue)))
    if options.json:
        figures: dict[str, Any] = {"rho": float(correlation.statistic), "p": float(correlation.pvalue)}
        figures |= {"networks": [pair._asdict() for pair in pairs], "seed": experiment.run.seed}
        print(json.dumps({**figures, "threads": torch.get_num_threads(), "torch": torch.__version__}))


def choose(folder: Path, experiment: Experiment, dataset: Dataset, count: int) -> list[tuple[float, Architecture]]:
    """`count` networks of a run with their accuracies in it, at even steps from the worst to the best.

    Raises `SearchError` when the run has not so many different ones.
    """
    skeleton = replace(experiment.network, rank=dataset.spec.rank)
    with RunStore.read(folder) as store:
        # one of each key: what was inherited makes another evaluation, though not another network
        ranked = sorted(pareto_front(store.candidates()).networks, key=lambda row: row.accuracy or 0.0)
        distinct = list({row.digest: row for row in ranked}.values())
        if len(distinct) < count:
            raise SearchError(f"--networks: got {count}, allowed: {len(distinct)} or fewer, as many as the run trained")
        steps = [round(i * (len(distinct) - 1) / max(1, count - 1)) for i in range(count)]
        rows = [distinct[step] for step in steps]
        return [(row.accuracy or 0.0, replace(store.architecture(row.digest), skeleton=skeleton)) for row in rows]


def _retrain(
    architecture: Architecture, fitness: float, experiment: Experiment, dataset: Dataset, retrainings: int
) -> Pair:
    device = get_device(experiment.run.device)
    trained = [
        retrain(architecture, dataset, experiment.training, device=device, seed=experiment.run.seed + number)
        for number in range(retrainings)
    ]
    return Pair(fitness, [one.test.accuracy for one in trained], trained[0].parameters)


def _experiment(options: argparse.Namespace) -> Experiment:
    experiment = load_experiment(options.config)
    rungs = tuple(int(rung) for rung in options.rungs.split())
    return replace(
        experiment,
        data=replace(experiment.data, root=options.data_root or experiment.data.root),
        fitness=replace(experiment.fitness, rungs=rungs, inherit=True),
        run=replace(
            experiment.run,
            seed=options.seed or experiment.run.seed,
            generations=options.generations,
        ),
    )


def _table(pairs: Sequence[Pair], rho: float, p: float) -> Table:
    table = Table(caption=f"Spearman's rho {rho:.2f} over {len(pairs)} networks (p = {p:.3f})")
    for heading in ("validation accuracy in the search", "test accuracy, retrained", "parameters"):
        table.add_column(heading, justify="right")
    for pair in pairs:
        table.add_row(f"{100 * pair.fitness:.2f}%", f"{100 * statistics.fmean(pair.test):.2f}%", f"{pair.parameters:,}")
    return table


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=CONFIG, help="INI file (default: %(default)s)")
    parser.add_argument("--run", type=Path, help="a finished run of that INI file, in place of a search")
    parser.add_argument("--networks", type=at_least(3), default=12, help="to retrain (default: %(default)s)")
    parser.add_argument("--retrainings", type=at_least(1), default=1, help="of each (default: %(default)s)")
    parser.add_argument("--rungs", default="2 4", help="[Fitness] rungs of the search (default: %(default)s)")
    parser.add_argument(
        "--generations",
        type=at_least(1),
        default=GENERATIONS,
        help="over [Run] generations: few networks of each reach the last rung (default: %(default)s)",
    )
    parser.add_argument("--seed", type=at_least(1), help="over [Run] seed")
    parser.add_argument("--data-root", help="folder that holds the data sets; over [Data] root")
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON, last")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_script(main)
