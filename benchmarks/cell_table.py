"""A table of cells from our own space, each trained at several budgets: what a search setting is judged by in seconds.

    python benchmarks/cell_table.py --data cifar10 --data-root data --minutes 60     # begins the table, or goes on
    python benchmarks/cell_table.py --data cifar10 --report [--json] [--picture FILE] # what the table says so far

Draws `--cells` different cells, 1 to 6 nodes in turn, every second one by mutating an earlier one. The signals that
cost one batch and no training are measured of each (`neat_deep/scoring/zero_cost.py`). Then each is trained for 1, 2, 4
and 8 epochs on a part of the examples, with a schedule of its own each time, and then in full, scored on the validation
part after each epoch; then the first `--twice` cells in full with a second seed. Cells that learned nothing on the part
come last: what they cost in full says the least. No test set is read. It works in
`--workers` processes of one thread each, as many as there are cores, and writes the table after each training, so that
it can be stopped at any time; `--minutes` ends it. The same command goes on where it stopped.

The report ranks the cells that learn by each signal and compares that with the accuracy after full training: Spearman's
rho with the standard error of a bootstrap over cells, and the mean seconds of the processor that the signal costs. The
rho between the two seeds of full training is what no signal can be expected to exceed by much. That cells which learn
nothing are worse than all others is told by the simplest of signals; how many there are stands above the table.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import random
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from cell_trainings import FULL, SHORT, UNTRAINED, CellTrainer, Outcome, Training
from neat_deep.base.errors import DataError
from neat_deep.base.files import read_text, write_text
from neat_deep.cli.running import run_script
from neat_deep.data import Augmentation, DataSettings, DataSpec, load_dataset
from neat_deep.data.settings import TextSettings
from neat_deep.networks.cost import count_macs, count_parameters
from neat_deep.networks.network import build_network
from neat_deep.scoring.executors import WorkerDied, WorkerPool
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.search_space import SearchSpace
from neat_deep.training.settings import TrainingSettings
from signal_picture import plot_signals
from turns import at_least

TABLES = Path(__file__).resolve().parent / "tables"
FORMAT = "neat-deep table of cells"
SHORT_EPOCHS = (1, 2, 4, 8)
SEEDS = (1, 2)
BOOTSTRAPS = 1000
CHUNK = 10  # cells whose short trainings are done before it is decided which of them are trained in full
LEARNED = 0.05  # of the way from chance to no error: less is nothing
IMAGE_OPS = (
    "none identity sep_conv_1 sep_conv_3 sep_conv_5 dil_conv_3 dil_conv_5 avg_pool_3 avg_pool_5 max_pool_3 max_pool_5"
)
Pairs = Sequence[tuple[float, float]]  # what a signal says of a cell, and its accuracy after full training
TEXT_OPS = (
    "none identity sep_conv_1 sep_conv_3 sep_conv_5 dil_conv_3 avg_pool_3 avg_pool_5 max_pool_3 max_pool_5 "
    "attention conv_3 gated_conv_3 gru"
)


@dataclass(frozen=True)
class Task:
    """A data set with the space, the skeleton and the trainings that its table is made with."""

    data: DataSettings
    classes: int
    space: SearchSpace
    skeleton: Skeleton
    short_examples: int
    short: TrainingSettings
    full: TrainingSettings


def tasks(root: str) -> dict[str, Task]:
    """The tasks by name, with their data under `root`."""
    images = TrainingSettings(batch_size=64, learning_rate=0.01, weight_decay=0.05)
    texts = TrainingSettings(batch_size=64, learning_rate=0.003, weight_decay=0.05)
    activations = ("identity", "relu")
    return {
        "cifar10": Task(
            # 10,000 images to train on and 5,000 to validate on: a standard error of 0.6 points at 70%
            DataSettings("image_folder", f"{root}/cifar10-images", validation=1 / 3, train_limit=15_000),
            10,
            # As the files search it: with products half of the cells that are drawn never learn.
            SearchSpace(tuple(IMAGE_OPS.split()), activations, ("add",)),
            Skeleton(channels=16, cells=3, reduce_after=(0, 1)),
            2_000,
            images,
            dataclasses.replace(images, epochs=8, augmentation=Augmentation(shift=4, flip=True)),
        ),
        "sst2": Task(
            DataSettings("sst2", root, validation=0.25, text=TextSettings(own_validation=False)),
            2,
            SearchSpace(tuple(TEXT_OPS.split()), activations, ("add", "mul")),
            Skeleton(rank=1, channels=64, cells=2, head_pool="mean_max", embedding_dropout=0.3),
            2_000,
            texts,
            dataclasses.replace(texts, epochs=12),
        ),
    }


def main(arguments: Sequence[str] | None) -> None:
    """Train what is missing until the time is over, or tell what the table says."""
    options = _parse(arguments)
    task = tasks(options.data_root)[options.data]
    path = options.table or TABLES / f"cells_{options.data}.json"
    console = Console()
    table = _load(path) if path.exists() else _new(task, options)
    if not options.report:
        work(table, task, path, options.minutes, console, workers=options.workers)
    figures = report(table, task.classes)
    tried = [row for row in table["cells"].values() if _longest_short() in row["trainings"]]
    dead = sum(not learns(row, task.classes) for row in tried)
    console.print(f"{dead} of {len(tried)} cells that were tried learn nothing", highlight=False)
    console.print(_shown(figures, options.data))
    if options.picture is not None:
        cells = int(max((row["cells"] for row in figures.values()), default=0))
        plot_signals(figures, f"{options.data}: {cells} cells that learn", options.picture)
    if options.json:
        counts = {"tried": len(tried), "learn_nothing": dead, "cells": len(table["cells"])}
        print(json.dumps({"signals": figures, **counts, "torch": torch.__version__}))


# --- the table -------------------------------------------------------------------------------------------------------


def draw(space: SearchSpace, count: int, seed: int) -> Iterator[tuple[str, Any]]:
    """`count` different cells of 1 to 6 nodes in turn, with how each was drawn: `random` or `mutated`."""
    generator = random.Random(seed)
    cells: dict[str, Any] = {}
    for number in range(count):
        nodes = 1 + number % space.nodes
        is_mutated = number % 2 == 1 and bool(cells)
        while True:
            if is_mutated:
                cell = generator.choice(list(cells.values()))
                for _ in range(generator.randint(1, 3)):
                    cell = space.mutate(cell, generator)
            else:
                cell = space.sample(generator)
            if len(cell.nodes) == nodes and cell.digest() not in cells:
                break
        cells[cell.digest()] = cell
        yield ("mutated" if is_mutated else "random"), cell


def _new(task: Task, options: argparse.Namespace) -> dict[str, Any]:
    if options.report:
        raise DataError(f"{options.data}: there is no table yet; the same command without --report makes it")
    cells = {}
    for number, (drawn, cell) in enumerate(draw(task.space, options.cells, seed=1)):
        architecture = json.loads(Architecture(cell, task.skeleton).to_json())
        names = [f"{FULL} {task.full.epochs} seed {SEEDS[0]}"]
        names = [f"{SHORT} {epochs} seed {SEEDS[0]}" for epochs in SHORT_EPOCHS] + names
        names.insert(0, f"{UNTRAINED} 0 seed {SEEDS[0]}")
        if number < options.twice:
            names.append(f"{FULL} {task.full.epochs} seed {SEEDS[1]}")
        cells[cell.digest()] = {"drawn": drawn, "architecture": architecture, "wanted": names, "trainings": {}}
    facts = {"short_examples": task.short_examples, "torch": torch.__version__}
    return {"format": FORMAT, "data": options.data, **facts, "cells": cells}


def _load(path: Path) -> dict[str, Any]:
    try:
        table: dict[str, Any] = json.loads(read_text(path, "table", DataError))
    except ValueError as error:
        raise DataError(f"{path}: no JSON: {error}") from None
    if table.get("format") != FORMAT:
        raise DataError(f"{path}: format: got {table.get('format')!r}, allowed: {FORMAT!r}")
    return table


def work(
    table: dict[str, Any], task: Task, path: Path, minutes: float, console: Console, *, workers: int | None = None
) -> None:
    """Do the trainings that the table lacks, row by row, until the time is over; each is written as it ends."""
    dataset = load_dataset(task.data)
    trainer = CellTrainer(dataset, {SHORT: task.short, FULL: task.full}, task.short_examples)
    missing = _missing(table, dataset.spec)
    deadline = time.monotonic() + 60 * minutes
    count = sum(len(set(row["wanted"]) - set(row["trainings"])) for row in table["cells"].values())
    console.print(f"{count} trainings are missing; {minutes:g} minutes for them", highlight=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    pool = WorkerPool[Training, Outcome](trainer, workers or os.cpu_count() or 1, threads=1)
    try:
        for training, outcome in pool.run(itertools.takewhile(lambda _: time.monotonic() < deadline, missing)):
            if isinstance(outcome, WorkerDied):
                outcome = Outcome((), (), 0.0, outcome.reason)
            table["cells"][training.digest]["trainings"][training.name] = outcome.to_json()
            write_text(path, _text(table))
            accuracy = f"{100 * outcome.validation[-1]:.2f}%" if outcome.validation else outcome.reason or "measured"
            console.print(f"{training.digest} {training.name}: {accuracy}, {outcome.seconds:.1f} s", highlight=False)
    finally:
        pool.close()


def _missing(table: dict[str, Any], data: DataSpec) -> Iterator[Training]:
    """What the table lacks when it is asked: a table that was stopped has as many cells that learn as it can."""
    rows = table["cells"]
    begun: set[tuple[str, str]] = set()  # some are still under way
    architectures = {}
    for digest, row in rows.items():
        architectures[digest] = Architecture.from_json(json.dumps(row["architecture"]))
        if "parameters" not in row:
            network = build_network(architectures[digest], data, seed=0)
            row["parameters"], row["macs"] = count_parameters(network), count_macs(network, data)

    def trainings(digests: Iterable[str], seed: int, *kinds: str) -> Iterator[Training]:
        for digest in digests:  # asked one by one, when the trainings before it are handed out
            names = [(kind, name) for kind in kinds for name in rows[digest]["wanted"] if _is(name, kind, seed)]
            for kind, name in names:
                if name not in rows[digest]["trainings"] and (digest, name) not in begun:
                    begun.add((digest, name))
                    yield Training(digest, architectures[digest], kind, int(name.split()[1]), seed)

    def learning(digests: Iterable[str]) -> Iterator[str]:
        return (digest for digest in digests if learns(rows[digest], data.num_classes))

    digests = list(rows)
    for start in range(0, len(digests), CHUNK):
        chunk = digests[start : start + CHUNK]
        yield from trainings(chunk, SEEDS[0], UNTRAINED, SHORT)
        yield from trainings(learning(chunk), SEEDS[0], FULL)
    yield from trainings(learning(digests), SEEDS[1], FULL)
    for seed in SEEDS:
        yield from trainings(digests, seed, FULL)


def learns(row: Mapping[str, Any], classes: int) -> bool:
    """Whether a cell was better than chance after the longest of its short trainings; true where that is not known."""
    short = row["trainings"].get(_longest_short())
    return short is None or _accuracy(short, -1) - 1 / classes > LEARNED * (1 - 1 / classes)


def _longest_short() -> str:
    return f"{SHORT} {SHORT_EPOCHS[-1]} seed {SEEDS[0]}"


def _text(table: Mapping[str, Any]) -> str:
    """One line a cell: a change of one row is one line of a comparison."""
    head = {key: value for key, value in table.items() if key != "cells"}
    rows = ",\n".join(f'"{digest}": {json.dumps(row)}' for digest, row in table["cells"].items())
    return f'{json.dumps(head)[:-1]}, "cells": {{\n{rows}\n}}}}\n'


# --- the report ------------------------------------------------------------------------------------------------------


def report(table: Mapping[str, Any], classes: int) -> dict[str, dict[str, float]]:
    """For each signal Spearman's rho with full training over the cells that learn, and how many these are.

    Beside it its standard error, the mean seconds that the signal costs, and rho over those that learn nothing too, as
    far as these are trained in full.
    """
    rows = [row for row in table["cells"].values() if _first_seed(row) <= set(row["trainings"])]
    everything = {name: _rank_correlation(pairs) for name, (pairs, _) in _ranked(rows).items()}
    return {
        name: {
            "rho": _rank_correlation(pairs),
            "error": _standard_error(pairs),
            "seconds": seconds,
            "cells": len(pairs),
            "rho_of_all": everything[name],
        }
        for name, (pairs, seconds) in _ranked([row for row in rows if learns(row, classes)]).items()
    }


def _ranked(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Pairs, float]]:
    """For each signal its value and the accuracy after full training, of each cell that has both; its mean seconds."""
    goals = [_last(row, FULL, SEEDS[0]) for row in rows]
    ranked: dict[str, tuple[Pairs, float]] = {}
    for name, (values, seconds) in _signals(rows).items():
        pairs = [(v, g) for v, g in zip(values, goals, strict=True) if v is not None]
        if len(pairs) < 3 or len({value for value, _ in pairs}) == 1:  # too few, or all alike: nothing is ranked
            continue
        ranked[name] = pairs, seconds
    return ranked


def _signals(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[list[float | None], float]]:
    """Each signal's value for each row, None where the row has none, and its mean seconds; more is better."""
    signals: dict[str, tuple[list[float | None], float]] = {
        "parameters": ([row["parameters"] for row in rows], 0.0),
        "multiply-accumulates": ([row["macs"] for row in rows], 0.0),
    }
    untrained = [row["trainings"].get(f"{UNTRAINED} 0 seed {SEEDS[0]}", {}).get("signals", {}) for row in rows]
    for name in dict.fromkeys(itertools.chain.from_iterable(untrained)):
        measured = [values.get(name) for values in untrained]
        seconds = statistics.fmean(one[1] for one in measured if one is not None)
        signals[f"{name}, untrained"] = [None if one is None else one[0] for one in measured], seconds
    for epochs in SHORT_EPOCHS:
        trained = [row["trainings"][f"{SHORT} {epochs} seed {SEEDS[0]}"] for row in rows]
        seconds = statistics.fmean(one["seconds"] for one in trained) if rows else 0.0
        signals[f"accuracy, short training of {epochs}"] = [_accuracy(one, -1) for one in trained], seconds
        signals[f"sum of losses, short training of {epochs}"] = [-_loss(one, epochs) for one in trained], seconds
    full = [_training(row, FULL, SEEDS[0]) for row in rows]
    length = max((len(one["validation"]) for one in full), default=0)
    for epochs in range(1, length):
        seconds = statistics.fmean(one["seconds"] for one in full) * epochs / length
        signals[f"accuracy, first {epochs} of full"] = [_accuracy(one, epochs - 1) for one in full], seconds
        signals[f"sum of losses, first {epochs} of full"] = [-_loss(one, epochs) for one in full], seconds
    twice = [any(_is(name, FULL, SEEDS[1]) for name in row["trainings"]) for row in rows]
    again = [_last(row, FULL, SEEDS[1]) if trained else None for row, trained in zip(rows, twice, strict=True)]
    seconds = statistics.fmean(one["seconds"] for one in full) if rows else 0.0
    signals["full training, another seed"] = again, seconds
    return signals


def _first_seed(row: Mapping[str, Any]) -> set[str]:
    """The trainings that a row of the report needs."""
    return {name for name in row["wanted"] if name.endswith(f"seed {SEEDS[0]}")}


def _is(name: str, kind: str, seed: int) -> bool:
    return name.startswith(f"{kind} ") and name.endswith(f"seed {seed}")


def _training(row: Mapping[str, Any], kind: str, seed: int) -> Mapping[str, Any]:
    return next(outcome for name, outcome in row["trainings"].items() if _is(name, kind, seed))


def _last(row: Mapping[str, Any], kind: str, seed: int) -> float:
    return _accuracy(_training(row, kind, seed), -1)


def _accuracy(outcome: Mapping[str, Any], epoch: int) -> float:
    """A training that failed is the worst of all."""
    return outcome["validation"][epoch] if outcome["validation"] else 0.0


def _loss(outcome: Mapping[str, Any], epochs: int) -> float:
    return sum(outcome["losses"][:epochs]) if outcome["losses"] else float("inf")


def _rank_correlation(pairs: Pairs) -> float:
    """Spearman's rho."""
    return float(spearmanr(*zip(*pairs, strict=True)).statistic)


def _standard_error(pairs: Pairs) -> float:
    """That of Spearman's rho, by a bootstrap over cells with a fixed seed."""
    generator = random.Random(0)
    draws = []
    for _ in range(BOOTSTRAPS):
        some = generator.choices(pairs, k=len(pairs))
        if len({a for a, _ in some}) > 1 and len({b for _, b in some}) > 1:
            draws.append(_rank_correlation(some))
    return statistics.stdev(draws)


def _shown(figures: Mapping[str, Mapping[str, float]], data: str) -> Table:
    table = Table(title=f"{data}: rank correlation with full training, of cells that learn", title_justify="left")
    table.add_column("signal")
    for heading in ("Spearman's rho", "standard error", "seconds a cell", "cells", "rho with those that do not"):
        table.add_column(heading, justify="right")
    for name, row in sorted(figures.items(), key=lambda item: item[1]["seconds"]):
        rho, error, of_all = (f"{row[key]:.2f}" for key in ("rho", "error", "rho_of_all"))
        table.add_row(name, rho, error, f"{row['seconds']:.1f}", f"{row['cells']:.0f}", of_all)
    return table


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=tuple(tasks("")), default="cifar10", help="default: %(default)s")
    parser.add_argument("--data-root", default="data", help="folder that holds the data sets (default: %(default)s)")
    parser.add_argument("--table", type=Path, help="file of the table (default: benchmarks/tables/cells_DATA.json)")
    parser.add_argument("--cells", type=at_least(2), default=150, help="of a new table (default: %(default)s)")
    parser.add_argument("--twice", type=at_least(0), default=50, help="of them trained in full twice (default: 50)")
    parser.add_argument("--minutes", type=float, default=60.0, help="after which no training begins (default: 60)")
    parser.add_argument("--workers", type=at_least(1), help="processes (default: one a core)")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw rho against seconds as a PNG file")
    parser.add_argument("--report", action="store_true", help="train nothing")
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON, last")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_script(main)
