"""What a search gains that waits for no generation: its time on the wall, asynchronous against in generations.

    python benchmarks/asynchronous.py [--json] [--strategy regularized_evolution] [--workers 4] [--evaluations 64]
                                      [--generation-size 8] [--seconds 0.2] [--rounds 3]

Evaluations only sleep, so that as many run side by side as there are workers, on any machine. How long each takes
depends on its network alone: sixteen lengths with equal chances, from a sixteenth of `--seconds` to nearly twice that.
In generations, workers wait for the last evaluation of each; asynchronously, a new one begins as soon as one ends. The
processes are started before anything is timed; the two take turns, and the medians of the rounds count. Keys in JSON:
`ratio` (the time of the asynchronous search over that in generations), `asynchronous_seconds`, `generations_seconds`,
`least_seconds` (all evaluations spread evenly over the workers).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from neat_deep.cli.running import run_script
from neat_deep.config.strategy_experiment import StrategyExperiment, load_strategy_experiment
from neat_deep.data import Dataset, load_dataset
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.executors import WorkerPool
from neat_deep.scoring.job import Job, JobResult
from neat_deep.scoring.scorer import Scorer
from neat_deep.scoring.scores import Score
from neat_deep.scoring.steady import SteadyScorer
from neat_deep.search.checks import make_strategy
from neat_deep.search.proposing import candidate_of
from sleeping import sleep_through
from turns import at_least

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "digits_random.ini"

Pool = WorkerPool[Job, JobResult]


def main(arguments: Sequence[str] | None) -> None:
    """Search in turn, print the table, and with `--json` one line of JSON."""
    options = _parse(arguments)
    experiment = load_strategy_experiment(CONFIG, options.strategy)
    dataset = load_dataset(experiment.data)
    seconds: dict[str, list[float]] = {"asynchronous": [], "generations": []}
    slept: list[float] = []
    with closing(WorkerPool(partial(sleep_through, options.seconds), options.workers, threads=1)) as pool:
        in_generations(experiment, dataset, pool, options.workers, options.workers)  # starts the processes
        for _ in range(options.rounds):
            for name in seconds:
                begun = time.perf_counter()
                if name == "asynchronous":
                    scores = at_once(experiment, dataset, pool, options.evaluations)
                else:
                    scores = in_generations(experiment, dataset, pool, options.evaluations, options.generation_size)
                seconds[name].append(time.perf_counter() - begun)
                slept.append(sum(score.seconds for score in scores))
    medians = {name: statistics.median(took) for name, took in seconds.items()}
    least = statistics.median(slept) / options.workers
    ratio = medians["asynchronous"] / medians["generations"]
    _show(medians, least, options)
    if options.json:
        figures = {
            "ratio": ratio,
            **{f"{name}_seconds": took for name, took in medians.items()},
            "least_seconds": least,
            "strategy": options.strategy,
            "workers": options.workers,
            "evaluations": options.evaluations,
            "generation_size": options.generation_size,
            "torch": torch.__version__,
        }
        print(json.dumps(figures))


def in_generations(
    experiment: StrategyExperiment, dataset: Dataset, pool: Pool, evaluations: int, size: int
) -> list[Score]:
    """The scores of a search in generations of `size`, the last of which may be smaller."""
    scorer = Scorer(dataset, experiment.fitness, experiment.training, experiment.network)
    scorer.use(pool)
    strategy = make_strategy(experiment, scorer.skeleton)
    scores: list[Score] = []
    while len(scores) < evaluations:
        proposals = strategy.ask(min(size, evaluations - len(scores)))
        batch = scorer.score([candidate_of(proposal, scorer.skeleton) for proposal in proposals])
        strategy.tell(batch)
        scores += batch
    return scores


def at_once(experiment: StrategyExperiment, dataset: Dataset, pool: Pool, evaluations: int) -> list[Score]:
    """The scores of an asynchronous search."""
    scorer = SteadyScorer(
        dataset, experiment.fitness, experiment.training, experiment.network, batch=experiment.search.generation_size
    )
    scorer.use(pool)
    strategy = make_strategy(experiment, scorer.skeleton)
    scores: list[Score] = []
    asked = 0

    def ask() -> Candidate | None:
        nonlocal asked
        if asked == evaluations:
            return None
        asked += 1
        return candidate_of(strategy.ask(1)[0], scorer.skeleton)

    def tell(score: Score) -> None:
        scores.append(score)
        strategy.tell([score])

    scorer.run(ask, tell)
    return scores


def _show(medians: dict[str, float], least: float, options: argparse.Namespace) -> None:
    title = f"{options.strategy}: {options.evaluations} evaluations of about {options.seconds:g} s, "
    table = Table(title=f"{title}{options.workers} workers, generations of {options.generation_size}")
    table.add_column("search")
    for heading in ("seconds", "over the least"):
        table.add_column(heading, justify="right")
    for name, took in medians.items():
        table.add_row(name, f"{took:.2f}", f"{took / least:.2f}x")
    table.add_row("least", f"{least:.2f}", "1.00x")
    Console().print(table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON, last")
    parser.add_argument("--strategy", default="regularized_evolution", help="which searches (default: %(default)s)")
    parser.add_argument("--workers", type=at_least(2), default=4, help="processes (default: %(default)s)")
    parser.add_argument("--evaluations", type=at_least(1), default=64, help="of each search (default: %(default)s)")
    parser.add_argument("--generation-size", type=at_least(1), default=8, help="networks (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=0.2, help="of an evaluation, mean (default: %(default)s)")
    parser.add_argument("--rounds", type=at_least(1), default=3, help="of both (default: %(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_script(main)
