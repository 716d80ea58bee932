"""Does screening pay in real searches? NEAT and others with and without a screen, at equal seconds of one core.

    python benchmarks/screening.py --config configs/digits_neat.ini --seconds 60 --seeds 3 --json
    python benchmarks/screening.py --config configs/mnist_neat.ini --seconds 120 --data-root data
        --set Fitness.train_subset=2000 Fitness.validation_subset=2000 Fitness.epochs=4 Fitness.channels=8

Each search has `--seconds` of a core, its signals included, in a process of its own whose clocks count them. What
counts is the best validation accuracy of the search, and the mean of its five best networks, which is less a matter of
luck; no test set is read. Beside them stand the networks that were trained, and how many proposals were screened out.
With `--keep FILE` a comparison that was stopped goes on.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from changed_ini import by_section, changed, setting
from kept_outcomes import KeptOutcomes
from neat_deep.base.errors import ConfigError
from neat_deep.base.files import read_text
from neat_deep.cli.running import run_script
from neat_deep.config.experiment_file import load_experiment, load_training_plan
from neat_deep.config.strategy_experiment import load_strategy_experiment
from neat_deep.data import load_dataset
from neat_deep.scoring.budget import Budget
from neat_deep.scoring.screening import list_signals
from neat_deep.search.evolve import evolve
from neat_deep.search.strategy_search import search
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.registry import NEAT, STRATEGIES
from processor_seconds import count_processor_seconds, run_apart
from turns import at_least

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "digits_neat.ini"
NONE = "none"
BEST = 5  # networks whose mean accuracy is reported


@dataclass(frozen=True)
class Outcome:
    """One search: accuracies (0..1) on validation, parameters of the best network, and what was done."""

    strategy: str
    screen: str
    seed: int
    best: float
    mean_of_best: float
    parameters: int
    trained: int
    screened_out: int
    seconds: float


def main(arguments: Sequence[str] | None) -> None:
    """Search with every screen and seed, print the table and, if asked, a line of JSON."""
    options = _parse(arguments)
    if options.one:
        print(json.dumps(asdict(_search_here(options, options.strategies[0], options.one, options.seed))))
        return
    console = Console()
    facts = {"config": read_text(options.config, "INI file", ConfigError), "seconds": options.seconds}
    facts |= {"factor": options.factor, "set": _as_given(options.set)}
    kept = KeptOutcomes(options.keep, Outcome, facts)
    for seed in range(options.seed, options.seed + options.seeds):
        for strategy in options.strategies:
            for screen in options.screens:
                if kept.has(strategy=strategy, screen=screen, seed=seed):
                    continue
                last = _search_apart(options, strategy, screen, seed)
                kept.add(last)
                what = f"{strategy}, screen {screen}, seed {seed}"
                console.print(f"{what}: {100 * last.best:.2f}%, {last.trained} networks", highlight=False)
    console.print(_table(options, kept.outcomes))
    if options.json:
        versions = {"threads": 1, "torch": torch.__version__, "python": platform.python_version()}
        print(json.dumps({"seconds": options.seconds, **versions, "rows": kept.rows()}))


def _search_apart(options: argparse.Namespace, strategy: str, screen: str, seed: int) -> Outcome:
    own = ["--config", str(options.config), "--data-root", options.data_root, "--seconds", str(options.seconds)]
    own += ["--set", *_as_given(options.set)] if options.set else []
    own += ["--factor", str(options.factor), "--strategies", strategy, "--one", screen, "--seed", str(seed)]
    return Outcome(**run_apart(__file__, own, f"{strategy}, screen {screen}, seed {seed}"))


def _as_given(settings: Sequence[tuple[str, str, str]]) -> list[str]:
    return [f"{section}.{key}={value}" for section, key, value in settings]


def _search_here(options: argparse.Namespace, strategy: str, screen: str, seed: int) -> Outcome:
    torch.set_num_threads(1)
    asked = {"strategy": strategy} | ({} if screen == NONE else {"screen": screen})
    own = {
        "Search": {**asked, "screen_factor": str(options.factor)},
        "Run": {"seed": str(seed), "device": "cpu", "workers": "0", "generations": "10000"},
        "Data": {"root": options.data_root},
    }
    with tempfile.TemporaryDirectory() as place, changed(options.config, by_section(options.set), own) as file:
        folder = Path(place) / "run"
        console = Console(file=io.StringIO())
        dataset = load_dataset(load_training_plan(file).data)
        count_processor_seconds()
        started = time.time()
        budget = Budget(soft_deadline=started + options.seconds)
        if strategy == NEAT:
            result = evolve(load_experiment(file), dataset, folder, console, budget=budget)
        else:
            result = search(load_strategy_experiment(file), dataset, folder, console, budget=budget)
        seconds = time.time() - started
        with RunStore.read(folder) as store:
            evaluations = store.evaluations()
    top = max(one.rung for one in evaluations)
    accuracies = {one.key: one.metrics["accuracy"] for one in evaluations if not one.has_failed and one.rung == top}
    best = sorted(accuracies.values(), reverse=True)
    return Outcome(
        strategy,
        screen,
        seed,
        best[0],
        statistics.fmean(best[:BEST]),
        result.best.parameters,
        result.trained,
        result.screened_out,
        seconds,
    )


def _table(options: argparse.Namespace, outcomes: Sequence[Outcome]) -> Table:
    table = Table(title=f"{options.config.name}: validation accuracy within {options.seconds:g} seconds of one core")
    for column in (
        "search",
        "screen",
        "best",
        "seeds",
        f"mean of {BEST} best",
        "parameters",
        "trained",
        "screened out",
    ):
        table.add_column(column, justify="left" if column in ("search", "screen") else "right")
    for strategy in options.strategies:
        for screen in options.screens:
            rows = [one for one in outcomes if (one.strategy, one.screen) == (strategy, screen)]
            table.add_row(
                strategy,
                screen,
                f"{100 * statistics.fmean(one.best for one in rows):.2f}%",
                ", ".join(f"{100 * one.best:.2f}" for one in rows),
                f"{100 * statistics.fmean(one.mean_of_best for one in rows):.2f}%",
                f"{statistics.fmean(one.parameters for one in rows):,.0f}",
                f"{statistics.fmean(one.trained for one in rows):.0f}",
                f"{statistics.fmean(one.screened_out for one in rows):.0f}",
            )
    return table


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    screens = [NONE, *list_signals()]
    strategies = [info.name for info in STRATEGIES.values() if info.screened]
    parser.add_argument("--config", type=Path, default=CONFIG, metavar="FILE")
    parser.add_argument("--data-root", default="data", metavar="DIR", help="the folder that the data sets lie in")
    parser.add_argument("--seconds", type=float, default=60.0, help="of one core, for each search")
    parser.add_argument("--seeds", type=at_least(1), default=3, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the first seed")
    parser.add_argument("--strategies", nargs="+", choices=strategies, default=[NEAT], metavar="NAME")
    parser.add_argument("--screens", nargs="+", choices=screens, default=screens, metavar="NAME")
    parser.add_argument("--factor", type=at_least(2), default=4, metavar="N", help="proposals for each training")
    parser.add_argument(
        "--set", type=setting, nargs="+", default=[], metavar="SECTION.KEY=VALUE", help="change the INI file"
    )
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep the outcomes there, and resume from them")
    parser.add_argument("--json", action="store_true", help="print a last line of JSON")
    parser.add_argument("--one", choices=screens, default="", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_script(main)
