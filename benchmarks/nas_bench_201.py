"""The strategies of the registry, and NEAT, against a published table: NAS-Bench-201.

    python benchmarks/nas_bench_201.py --runs 500 --json

Each run simulates a search of 12,000 seconds, as the table's authors did (arXiv 2001.00326, table 5). A new cell costs
its seconds of 12 epochs of training; a cell that is proposed again costs nothing. The cell with the best validation
accuracy after 12 epochs is chosen, and its test accuracy on CIFAR-10 after 200 epochs is reported. A run ends after
1,000 proposals without a new cell too.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import logging
import math
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from rich.console import Console
from rich.table import Table

from nas_bench_neat import search_by_neat
from nas_bench_table import SHIPPED, Cell, NasBenchSpace, Row, read_table
from neat_deep.base.errors import NeatDeepError, unknown_name
from neat_deep.base.registry import resolve
from neat_deep.scoring.scores import SCORED, Score
from neat_deep.space.architecture import Skeleton
from neat_deep.strategies.grid import GridSettings
from neat_deep.strategies.proposals import Proposal
from neat_deep.strategies.registry import NEAT, STRATEGIES, proposing_strategies
from neat_deep.strategies.strategy import Strategy, StrategyContext
from turns import at_least

log = logging.getLogger(__name__)

SECONDS = 12_000.0  # of a simulated run
OPTIMUM = 94.37
PUBLISHED = {"random": 93.70, "regularized_evolution": 93.92, "reinforce": 93.85, "optuna": 93.61}
PUBLISHED_NAMES = {"optuna": "BOHB"}  # where the published search is another one than ours

# Settings for this space alone: a grid that begins, and is not refused for what it would not finish.
SETTINGS: Mapping[str, Any] = {"grid": GridSettings(most=20_000)}
FIRST_SEED = 1_000_000  # the default of --first-seed: settings were chosen on seeds below


class SpentError(Exception):
    """The simulated seconds are over."""


@dataclass
class Run:
    """A simulated search: what it has evaluated, and what it has reached at which simulated second."""

    table: Mapping[str, Row]
    space: NasBenchSpace
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.known: dict[str, float] = {}
        self.curve: list[tuple[float, float]] = []  # (simulated seconds, test accuracy of the best), as it changes
        self.best = -math.inf

    def worth(self, cell: Cell) -> float:
        """The validation accuracy (0..1) of a cell; raises `SpentError` when its training would end too late."""
        key = self.space.key(cell)
        if key not in self.known:
            row = self.table[key]
            if self.seconds + row.seconds > SECONDS:
                raise SpentError
            self.seconds += row.seconds
            self.known[key] = row.validation / 100
            if row.validation > self.best:
                self.best = row.validation
                self.curve.append((self.seconds, row.test))
        return self.known[key]


def search_by_strategy(name: str, run: Run, seed: int) -> None:
    """Let a strategy propose cells, one at a time or in its own generations, until it has none or time is over."""
    info = STRATEGIES.get(name)
    settings = SETTINGS.get(name, None if info.settings is None else resolve(info.settings)())
    context = StrategyContext(run.space, Skeleton(), settings, seed)
    strategy: Strategy = resolve(info.make)(context)
    while True:
        proposals = [cast(Proposal, proposal) for proposal in strategy.ask(GENERATION)]
        if not proposals:
            return
        strategy.tell([score_of(proposal, run.worth(proposal.point)) for proposal in proposals])


GENERATION = 1  # one machine, one cell after the other


def score_of(proposal: Proposal, worth: float) -> Score:
    """The score of a proposal's cell, as `tell` takes it."""
    return Score(candidate=proposal.number, status=SCORED, metrics={"accuracy": worth}, objective=worth, fitness=worth)


@dataclass(frozen=True)
class Outcome:
    """What one run came to: `own_seconds` are those of the processor that the search itself took."""

    test: float
    cells: int
    own_seconds: float
    curve: tuple[tuple[float, float], ...]


def outcome(name: str, table: Mapping[str, Row], seed: int) -> Outcome:
    """One run of a strategy or of NEAT."""
    run = Run(table, NasBenchSpace())
    begun = time.process_time()
    search: Callable[[Run, int], None] = search_by_neat if name == NEAT else partial(search_by_strategy, name)
    with contextlib.suppress(SpentError):
        search(run, seed)
    return Outcome(run.curve[-1][1], len(run.known), time.process_time() - begun, tuple(run.curve))


def contenders(names: Sequence[str]) -> list[str]:
    """The strategies that run on a table, or those that are asked for; raises `UnknownNameError`."""
    # A table of accuracies has no weights to inherit.
    known = [*(name for name, info in proposing_strategies().items() if not info.needs_weights), NEAT]
    for name in names:
        if name not in known:
            raise unknown_name("strategy", name, known, "--strategies")
    return list(names) or known


def mean_curve(outcomes: Sequence[Outcome], seconds: Sequence[float]) -> list[float]:
    """The mean test accuracy of the best cell at each of the simulated seconds; NaN while a run has none."""
    means = []
    for second in seconds:
        reached = [[test for at, test in o.curve if at <= second] for o in outcomes]
        means.append(statistics.fmean(tests[-1] for tests in reached) if all(reached) else math.nan)
    return means


def draw(curves: Mapping[str, Sequence[float]], seconds: Sequence[float], runs: int, path: Path) -> None:
    """Draw the means against simulated seconds."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(10, 5), layout="constrained")
    styles = itertools.product(("-", "--"), pyplot.colormaps["tab10"].colors[:7])  # type: ignore[attr-defined]
    order = sorted(curves, key=lambda name: -curves[name][-1])
    for name, (line, colour) in zip(order, styles, strict=False):
        axes.plot(seconds, curves[name], line, color=colour, label=f"{name} ({curves[name][-1]:.2f})")
    axes.axhline(OPTIMUM, color="black", linewidth=0.8, linestyle=":", label=f"best cell of the table ({OPTIMUM:.2f})")
    axes.set(
        xlabel="simulated seconds of training",
        ylabel="test accuracy of the best cell so far (%)",
        title=f"NAS-Bench-201, CIFAR-10: mean of {runs} runs",
        xlim=(0, SECONDS),
        ylim=(92, 94.5),
    )
    axes.xaxis.set_major_formatter("{x:,.0f}")
    figure.legend(loc="outside right upper", title="strategy (at the end)")  # within the axes it would hide the grid's
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all contenders, and print a table and, with --json, a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=SHIPPED, metavar="FILE", help="the table as CSV, or as .csv.gz")
    parser.add_argument("--runs", type=at_least(1), default=500, metavar="N", help="runs of each strategy")
    parser.add_argument("--strategies", nargs="+", default=[], metavar="NAME", help="these alone; all otherwise")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, metavar="N", help="the seed of the first run")
    parser.add_argument("--workers", type=at_least(1), default=1, metavar="N", help="processes")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw accuracy against simulated seconds")
    parser.add_argument("--json", action="store_true", help="print a last line of JSON")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        names, table = contenders(options.strategies), read_table(options.table)
    except NeatDeepError as error:
        parser.error(str(error))
    seeds = range(options.first_seed, options.first_seed + options.runs)
    seconds = [SECONDS * i / 100 for i in range(101)]
    rows, curves = {}, {}
    for name in names:
        outcomes = _run_all(name, table, seeds, options.workers)
        tests = [o.test for o in outcomes]
        cells = sum(o.cells for o in outcomes)
        curves[name] = mean_curve(outcomes, seconds)
        rows[name] = {
            "mean": statistics.fmean(tests),
            "deviation": statistics.stdev(tests) if len(tests) > 1 else 0.0,
            "cells": cells / len(outcomes),
            "own_seconds_per_cell": sum(o.own_seconds for o in outcomes) / cells,
            "published": PUBLISHED.get(name),
        }
        print(_in_words(name, rows[name]), file=sys.stderr, flush=True)
    _print(rows, options.runs)
    if options.picture is not None:
        draw(curves, seconds, options.runs, options.picture)
    if options.json:
        facts = {"threads": 1, "torch": torch.__version__, "python": platform.python_version()}
        print(json.dumps({"runs": options.runs, "first_seed": options.first_seed, "rows": rows, **facts}))


def _run_all(name: str, table: Mapping[str, Row], seeds: Sequence[int], workers: int) -> list[Outcome]:
    one = partial(outcome, name, table)
    if workers == 1:
        return [one(seed) for seed in seeds]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(one, seeds, chunksize=max(1, len(seeds) // (8 * workers))))


def _print(rows: Mapping[str, Mapping[str, Any]], runs: int) -> None:
    table = Table(title=f"NAS-Bench-201, CIFAR-10 test accuracy (%), {runs} runs of {SECONDS:,.0f} simulated seconds")
    for column in ("strategy", "mean", "standard deviation", "published", "cells a run", "own ms a cell"):
        table.add_column(column, justify="left" if column == "strategy" else "right")
    for name, row in rows.items():
        published = "" if row["published"] is None else f"{row['published']:.2f}"
        if name in PUBLISHED_NAMES:
            published += f" ({PUBLISHED_NAMES[name]})"
        figures = f"{row['mean']:.2f}", f"{row['deviation']:.2f}", published, f"{row['cells']:.0f}"
        table.add_row(name, *figures, f"{1000 * row['own_seconds_per_cell']:.2f}")
    Console(width=120).print(table)


def _in_words(name: str, row: Mapping[str, Any]) -> str:
    return f"{name}: {row['mean']:.3f} ± {row['deviation']:.3f}"


if __name__ == "__main__":
    main()
