"""What using all cores by default is worth: the same networks scored by the default workers and in one process.

    python benchmarks/default_workers.py [--networks 20] [--rounds 5] [--json]

Scores `--networks` distinct cells, drawn from the search space of digits_random.ini, with that file's [Fitness]: once
by as many processes as the default setting `workers = auto` comes to here, once in this process. The pool is started
before it is timed, as it is in a search after its first networks. The two take turns, and the medians of `--rounds`
rounds count. Scores must be equal. Keys in JSON: `speedup_default`, `seconds_default`, `seconds_one`, `workers`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
from rich.console import Console
from rich.table import Table

from neat_deep.base.errors import SearchError
from neat_deep.cli.running import run_script
from neat_deep.config.strategy_experiment import StrategyExperiment, load_strategy_experiment
from neat_deep.data import Dataset, load_dataset
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.executors import WorkerPool
from neat_deep.scoring.job import THREADS
from neat_deep.scoring.scorer import Scorer
from neat_deep.search.workers import plan_workers
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph
from turns import at_least

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "digits_random.ini"
MOST_DRAWS = 10_000


def main(arguments: Sequence[str] | None) -> None:
    """Score in turn, compare, print."""
    options = _parse(arguments)
    experiment = load_strategy_experiment(CONFIG)
    dataset = load_dataset(experiment.data)
    workers = int(plan_workers(experiment.run.workers, torch.device("cpu")).workers) or 1
    candidates = draw(experiment, options.networks)
    first = _scorer(experiment, dataset)
    pool = WorkerPool(first.evaluate, workers, THREADS)
    seconds: dict[str, list[float]] = {"default": [], "one": []}
    fitnesses: dict[str, list[float | None]] = {}
    try:
        _timed(experiment, dataset, candidates[: 2 * workers], pool)  # starts the processes
        for _ in range(options.rounds):
            for name, executor in (("default", pool), ("one", None)):
                took, fitness = _timed(experiment, dataset, candidates, executor)
                seconds[name].append(took)
                if fitnesses.setdefault(name, fitness) != fitness:
                    raise SearchError(f"{name}: two rounds gave different scores")
    finally:
        pool.close()
    if fitnesses["default"] != fitnesses["one"]:
        raise SearchError("the default workers and one process gave different scores")
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    speedup = medians["one"] / medians["default"]
    table = Table("", "seconds (median)", "lowest", "highest", title=f"{options.networks} networks, scores equal")
    for name, label in (("default", f"{workers} processes"), ("one", "one process")):
        times = seconds[name]
        table.add_row(label, f"{medians[name]:.2f}", f"{min(times):.2f}", f"{max(times):.2f}")
    console = Console()
    console.print(table)
    console.print(f"{speedup:.2f} times as fast by default", highlight=False)
    if options.json:
        figures = {f"seconds_{name}": value for name, value in medians.items()}
        print(json.dumps({"speedup_default": speedup, **figures, "workers": workers, "torch": torch.__version__}))


def draw(experiment: StrategyExperiment, count: int) -> list[Candidate]:
    """`count` different cells of the search space; raises `SearchError` when it seems to hold fewer."""
    random = Random(experiment.run.seed)
    cells: dict[str, CellGraph] = {}
    for _ in range(MOST_DRAWS):
        cell = experiment.space_settings.cells().sample(random)
        cells.setdefault(cell.digest(), cell)
        if len(cells) == count:
            return [Candidate(n, Architecture(c, experiment.network)) for n, c in enumerate(cells.values())]
    raise SearchError(f"the search space gave {len(cells)} different cells, asked for {count}")


def _scorer(experiment: StrategyExperiment, dataset: Dataset) -> Scorer:
    return Scorer(dataset, experiment.fitness, experiment.training, experiment.network, seed=experiment.run.seed)


def _timed(
    experiment: StrategyExperiment, dataset: Dataset, candidates: Sequence[Candidate], pool: object
) -> tuple[float, list[float | None]]:
    """Seconds of scoring the candidates with nothing known, and their fitnesses."""
    scorer = _scorer(experiment, dataset)
    if isinstance(pool, WorkerPool):
        scorer.use(pool)
    started = time.perf_counter()
    scores = scorer.score(candidates)
    return time.perf_counter() - started, [score.fitness for score in scores]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=at_least(2), default=20, help="distinct networks (default: %(default)s)")
    parser.add_argument("--rounds", type=at_least(1), default=5, help="turns of each (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON, last")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_script(main)
