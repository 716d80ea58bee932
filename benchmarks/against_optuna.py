"""What a user would write instead, beside our searches: the same data and seconds of one core, one after the other.

    python benchmarks/against_optuna.py --data digits --seconds 300 --seeds 3 --json
    python benchmarks/against_optuna.py --data mnist --data-root data --seconds 1200 --seeds 3 --json

`optuna script` is `optuna_script.py`: TPE and a median pruner over a compact residual CNN with its learning rate and
weight decay. `neat` searches as the shipped INI file of the data set says, `darts` by gradient descent as its file says
(`--restarts` short searches), `predictor` the cells of NEAT's file by the strategy that is the best on NAS-Bench-201;
`--contenders` names others of the registry. All have the shipped files' augmentation.

Search and final training together have `--seconds`. Each contender is a process of its own, of one thread, whose clocks
count the seconds of its processor in the place of those on the wall: what else runs on the machine changes nothing, and
our promise of minutes holds in them. Importing is not counted. The test set is read once for each seed, at the end.
With `--keep FILE` a comparison that was stopped goes on where it stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from changed_ini import Sections, changed, parse_ini
from kept_outcomes import KeptOutcomes
from neat_deep.base.errors import SearchError
from neat_deep.base.files import read_text
from neat_deep.base.plugins import load_installed_plugins
from neat_deep.cli.request import Request
from neat_deep.cli.running import run_script
from neat_deep.cli.searching import search_by
from neat_deep.config.experiment_file import load_training_plan
from neat_deep.data import load_dataset
from neat_deep.strategies.registry import STRATEGIES
from processor_seconds import count_processor_seconds, run_apart
from turns import at_least

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
OPTUNA, NEAT, DARTS = "optuna script", "neat", "darts"
DEFAULT = (OPTUNA, NEAT, DARTS, "predictor")
DATA = ("digits", "mnist", "cifar10")
TRIAL_EPOCHS: Mapping[str, int] = {"digits": 15, "mnist": 3, "cifar10": 4}  # of a trial of the script
FINAL_EPOCHS: Mapping[str, int] = {"digits": 60, "mnist": 20, "cifar10": 30}  # at most
RESTARTS: Mapping[str, int] = {"digits": 4, "mnist": 3, "cifar10": 3}


@dataclass(frozen=True)
class Outcome:
    """What one contender came to with one seed; `accuracy` (0..1) on the test set, `megabytes` at the most."""

    contender: str
    seed: int
    accuracy: float
    parameters: int
    tried: int
    seconds: float
    megabytes: float


def main(arguments: Sequence[str] | None) -> None:
    """Run every contender with every seed, print the table and, if asked, a line of JSON."""
    load_installed_plugins()  # gradient descent among them
    options = _parse(arguments)
    if options.one:
        print(json.dumps(asdict(_run_here(options, options.one, options.seed))))
        return
    console = Console()
    kept = KeptOutcomes(options.keep, Outcome, _facts(options))
    for seed in range(options.seed, options.seed + options.seeds):
        for contender in options.contenders:
            if kept.has(contender=contender, seed=seed):
                continue
            last = _run_apart(options, contender, seed)
            kept.add(last)
            console.print(
                f"{contender}, seed {seed}: {100 * last.accuracy:.2f}% in {last.seconds:.0f} s", highlight=False
            )
    console.print(_table(options, kept.outcomes))
    if options.json:
        facts = {**_facts(options), "torch": torch.__version__, "python": platform.python_version()}
        print(json.dumps({**facts, "rows": kept.rows()}))


# --- one contender ---------------------------------------------------------------------------------------------------


def _run_apart(options: argparse.Namespace, contender: str, seed: int) -> Outcome:
    """Run a contender in a process of its own."""
    own = ["--data", options.data, "--data-root", options.data_root, "--seconds", str(options.seconds)]
    own += ["--restarts", str(options.restarts)] if options.restarts else []
    own += ["--one", contender, "--seed", str(seed)]
    return Outcome(**run_apart(__file__, own, f"{contender}, seed {seed}"))


def _run_here(options: argparse.Namespace, contender: str, seed: int) -> Outcome:
    torch.set_num_threads(1)
    if contender == OPTUNA:
        import optuna_script  # before the clock starts, as all else is imported
    count_processor_seconds()
    started = time.time()
    if contender == OPTUNA:
        with changed(CONFIGS / f"{options.data}_neat.ini", {"Data": {"root": options.data_root}}) as file:
            plan = load_training_plan(file)
        result = optuna_script.search(
            load_dataset(plan.data),
            plan.training.augmentation,
            seconds=options.seconds - (time.time() - started),
            seed=seed,
            trial_epochs=TRIAL_EPOCHS[options.data],
            final_epochs=FINAL_EPOCHS[options.data],
        )
        figures = result.accuracy, result.parameters, result.tried
    else:
        figures = _ours(options, contender, seed)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Outcome(contender, seed, *figures, time.time() - started, most)


def _ours(options: argparse.Namespace, contender: str, seed: int) -> tuple[float, int, int]:
    """Search by one of our strategies, as the command does; returns accuracy, parameters, networks tried."""
    with tempfile.TemporaryDirectory() as place:
        run = Path(place) / "run"
        of_run = {"minutes": str(options.seconds / 60), "seed": str(seed), "device": "cpu", "out": str(run)}
        changes: dict[str, Mapping[str, str]] = {"Data": {"root": options.data_root}, "Run": {**of_run, "threads": "1"}}
        config = CONFIGS / f"{options.data}_neat.ini"
        restarts = options.restarts or RESTARTS[options.data]
        if contender == DARTS:
            changes["Darts"] = {"restarts": str(restarts)}
            config, changes = _darts_file(options.data, changes)
        else:
            changes["Run"] = {**changes["Run"], "workers": "0", "generations": "0"}
        with changed(config, changes) as file, contextlib.redirect_stdout(sys.stderr):
            search_by(contender, Request(config=file, given={"strategy": contender}))
        result = json.loads(read_text(run / "result.json", "result", SearchError))
    return result["test_accuracies"][0], result["parameters"], result.get("networks_scored", restarts)


def _darts_file(data: str, changes: Sections) -> tuple[Path, dict[str, Mapping[str, str]]]:
    """The file that gradient descent searches by; where none is shipped, that of MNIST with the data set's sections."""
    path = CONFIGS / f"{data}_darts.ini"
    if path.is_file():
        return path, dict(changes)
    parser = parse_ini(CONFIGS / f"{data}_neat.ini")
    own = {name: dict(parser[name]) for name in ("Data", "Network", "Training")}
    names = dict.fromkeys((*own, *changes))
    return CONFIGS / "mnist_darts.ini", {name: {**own.get(name, {}), **changes.get(name, {})} for name in names}


# --- what is said ----------------------------------------------------------------------------------------------------


def _facts(options: argparse.Namespace) -> dict[str, Any]:
    return {"data": options.data, "seconds": options.seconds, "restarts": options.restarts}


def _table(options: argparse.Namespace, outcomes: Sequence[Outcome]) -> Table:
    title = f"{options.data}: test accuracy within {options.seconds:g} seconds of one core, {options.seeds} seeds"
    table = Table(title=title)
    for column in ("contender", "mean", "deviation", "seeds", "parameters", "tried", "s", "MiB"):
        table.add_column(column, justify="left" if column == "contender" else "right")
    for contender in options.contenders:
        rows = [one for one in outcomes if one.contender == contender]
        accuracies = [100 * one.accuracy for one in rows]
        table.add_row(
            contender,
            f"{statistics.fmean(accuracies):.2f}%",
            f"{statistics.stdev(accuracies):.2f}" if len(rows) > 1 else "",
            ", ".join(f"{one:.2f}" for one in accuracies),
            f"{statistics.fmean(one.parameters for one in rows):,.0f}",
            f"{statistics.fmean(one.tried for one in rows):.0f}",
            f"{statistics.fmean(one.seconds for one in rows):.0f}",
            f"{max(one.megabytes for one in rows):.0f}",
        )
    return table


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [OPTUNA, *STRATEGIES]
    parser.add_argument("--data", choices=DATA, default="digits")
    parser.add_argument("--data-root", default="data", metavar="DIR", help="the folder that the data sets lie in")
    parser.add_argument("--seconds", type=float, default=300.0, help="of one core: search and final training together")
    parser.add_argument("--seeds", type=at_least(1), default=3, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the first seed")
    parser.add_argument("--contenders", nargs="+", choices=known, default=list(DEFAULT), metavar="NAME")
    parser.add_argument("--restarts", type=at_least(0), default=0, metavar="N", help="searches by gradient descent")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep the outcomes there, and resume from them")
    parser.add_argument("--json", action="store_true", help="print a last line of JSON")
    parser.add_argument("--one", choices=known, default="", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_script(main)
