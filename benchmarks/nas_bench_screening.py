"""Does screening pay? Searches on NAS-Bench-201's table whose proposals are screened, beside the same without.

    python benchmarks/nas_bench_screening.py --runs 100 --json

As in `nas_bench_201.py` a run simulates 12,000 seconds, and a new cell costs its seconds of 12 epochs; strategies of
the registry search in generations of five, NEAT as its file says. With a screen a search proposes `--factors` times as
many cells as it trains. The signals are NWOT, of `nas_bench_signals.py`'s table, the parameters, and the predictor,
which learns from the run's own scores; `chance` chooses by a draw. A new cell's NWOT costs `--signal-seconds` (Mellor
et al., arXiv 2006.04647, report 306 seconds for 1,000 cells), the others nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import random
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from rich.console import Console
from rich.table import Table

from nas_bench_201 import FIRST_SEED, SETTINGS, Run, SpentError, score_of
from nas_bench_neat import search_by_neat
from nas_bench_signals import SIGNALS, parameters_of, read_signals
from nas_bench_table import SHIPPED, Cell, NasBenchSpace, Row, read_table
from neat_deep.base.randomness import derive_seed
from neat_deep.base.registry import resolve
from neat_deep.cli.running import run_script
from neat_deep.scoring.forest import expected_worths
from neat_deep.scoring.screening import LEAST_KNOWN, PREDICTOR, TREES
from neat_deep.space.architecture import Skeleton
from neat_deep.strategies.proposals import Proposal
from neat_deep.strategies.registry import NEAT, STRATEGIES
from neat_deep.strategies.strategy import StrategyContext
from turns import at_least

CHANCE = "chance"  # a screen that knows nothing: what its proposals cost, and what comes of never trying a cell twice
SCREENS = (*SIGNALS, PREDICTOR, CHANCE)
GENERATION = 5
STRATEGIES_HERE = ("random", "regularized_evolution", "local_search", NEAT)


@dataclass
class TableScreen:
    """Chooses among cells as `neat_deep.scoring.screening.Screen` does among architectures."""

    run: Run
    name: str
    factor: int
    signals: Mapping[str, Mapping[str, float]]
    signal_seconds: float
    seed: int

    def __post_init__(self) -> None:
        self._seen: set[str] = set()
        self._random = random.Random(self.seed)

    @property
    def is_ready(self) -> bool:
        """Whether it can tell cells apart: the predictor must have some to learn from."""
        return self.name != PREDICTOR or len(self.run.known) >= LEAST_KNOWN

    def best_of_each(self, groups: Sequence[Sequence[Cell]]) -> list[int]:
        """The place of the most promising in each group; what was tried, or chosen before, comes after all new ones."""
        key = self.run.space.key
        worths = self._worths(list(dict.fromkeys(cell for group in groups for cell in group)))
        taken, chosen = set(self.run.known), []
        for group in groups:
            ranks = [(key(cell) in taken, -worths[cell], place) for place, cell in enumerate(group)]
            chosen.append(min(ranks)[-1])
            taken.add(key(group[chosen[-1]]))
        return chosen

    def best(self, cells: Sequence[Cell], count: int) -> list[int]:
        """The places of the `count` most promising of different cells."""
        worths = self._worths(cells)
        return sorted(range(len(cells)), key=lambda place: (-worths[cells[place]], place))[:count]

    def _worths(self, cells: Sequence[Cell]) -> Mapping[Cell, float]:
        space = self.run.space
        if self.name == CHANCE:
            return {cell: self._random.random() for cell in cells}
        if self.name != PREDICTOR:
            new = {space.key(cell) for cell in cells} - self._seen
            self._seen |= new
            self.run.seconds += self.signal_seconds * len(new) * (self.name == "nwot")
            return {cell: self.signals[self.name][space.key(cell)] for cell in cells}
        known = list(self.run.known)
        means, _ = expected_worths(
            [space.encode(tuple(map(int, key))) for key in known],
            [self.run.known[key] for key in known],
            [space.encode(cell) for cell in cells],
            trees=TREES,
            seed=derive_seed(self.seed, "screen", str(len(known))) % 2**31,
        )
        return dict(zip(cells, map(float, means), strict=True))


def search_screened(name: str, run: Run, seed: int, screen: TableScreen | None) -> None:
    """Search until the simulated time is over, a strategy in generations of `GENERATION` cells."""
    if name == NEAT:
        search_by_neat(run, seed, screen)
        return
    info = STRATEGIES.get(name)
    settings = SETTINGS.get(name, None if info.settings is None else resolve(info.settings)())
    strategy: Any = resolve(info.make)(StrategyContext(run.space, Skeleton(), settings, seed))
    while True:
        factor = screen.factor if screen is not None and screen.is_ready else 1
        proposals = [cast(Proposal, proposal) for proposal in strategy.ask(GENERATION * factor)]
        if not proposals:
            return
        if screen is not None and factor > 1:
            chosen = set(screen.best([proposal.point for proposal in proposals], GENERATION))
            strategy.screened_out([one for place, one in enumerate(proposals) if place not in chosen])
            proposals = [one for place, one in enumerate(proposals) if place in chosen]
        strategy.tell([score_of(proposal, run.worth(proposal.point)) for proposal in proposals])


def outcome(
    name: str, screen: str, factor: int, table: Mapping[str, Row], signals: Any, signal_seconds: float, seed: int
) -> tuple[float, int]:
    """The test accuracy of one run's best cell, and how many cells it trained."""
    run = Run(table, NasBenchSpace())
    table_screen = TableScreen(run, screen, factor, signals, signal_seconds, seed) if screen else None
    with contextlib.suppress(SpentError):
        search_screened(name, run, seed, table_screen)
    return run.curve[-1][1], len(run.known)


def main(arguments: Sequence[str] | None) -> None:
    """Run all, and print a table and, with --json, a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=at_least(1), default=100, metavar="N", help="runs of each search")
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES_HERE, default=list(STRATEGIES_HERE))
    parser.add_argument(
        "--screens", nargs="+", choices=SCREENS, default=["parameters", PREDICTOR, CHANCE], metavar="NAME"
    )
    parser.add_argument("--factors", nargs="+", type=at_least(2), default=[2, 4, 8], metavar="N")
    parser.add_argument("--signal-seconds", type=float, default=0.306, metavar="S", help="of one cell, simulated")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, metavar="N", help="the seed of the first run")
    parser.add_argument("--json", action="store_true", help="print a last line of JSON")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    table = read_table(SHIPPED)
    space = NasBenchSpace()
    signals: dict[str, Mapping[str, float]] = {
        "parameters": {space.key(cell): float(parameters_of(cell)) for cell in space.enumerate()}
    }
    if "nwot" in options.screens:
        signals["nwot"] = read_signals()["nwot"]
    rows: list[dict[str, Any]] = []
    for name in options.strategies:
        for screen, factor in [("", 1), *((one, factor) for one in options.screens for factor in options.factors)]:
            outcomes = [
                outcome(name, screen, factor, table, signals, options.signal_seconds, options.first_seed + number)
                for number in range(options.runs)
            ]
            tests = [test for test, _ in outcomes]
            deviation = statistics.stdev(tests) if len(tests) > 1 else 0.0
            cells = statistics.fmean(cells for _, cells in outcomes)
            row = {"strategy": name, "screen": screen, "factor": factor, "mean": statistics.fmean(tests)}
            rows.append({**row, "deviation": deviation, "cells": cells})
            print(f"{name} {screen or 'plain'} {factor}: {rows[-1]['mean']:.3f}", file=sys.stderr, flush=True)
    _print(rows, options.runs)
    if options.json:
        facts = {"runs": options.runs, "first_seed": options.first_seed, "signal_seconds": options.signal_seconds}
        print(json.dumps({**facts, "python": platform.python_version(), "rows": rows}))


def _print(rows: Sequence[Mapping[str, Any]], runs: int) -> None:
    shown = Table(title=f"NAS-Bench-201, CIFAR-10 test accuracy (%), {runs} runs each")
    for column in ("strategy", "screen", "factor", "mean", "standard deviation", "cells a run"):
        shown.add_column(column, justify="left" if column in ("strategy", "screen") else "right")
    for row in rows:
        figures = f"{row['mean']:.2f}", f"{row['deviation']:.2f}", f"{row['cells']:.0f}"
        shown.add_row(row["strategy"], row["screen"] or "none", str(row["factor"]), *figures)
    Console(width=110).print(shown)


if __name__ == "__main__":
    run_script(main)
