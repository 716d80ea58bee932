"""Does a search find better cells than a hand draws, or chance? Cells compared at one size, trained in the same way.

    python benchmarks/equal_size.py configs/architectures/resnet_block.json runs/cifar10_neat/best.json
        --config configs/cifar10_neat.ini --channels 24 --epochs 8 --random 10 --seeds 3 --processes 2 --json

The first architecture, with `--channels` after the stem, says how many parameters a network may have: the channels of
the others are chosen so that theirs are as near to that as can be, within a tenth. `--random` cells are drawn from the
INI file's `[CellGenome]` with as many parameters in their cells, mutated without any selection. All are trained from
scratch as `[Training]` says, on train and validation together, with one thread each, in `--processes` processes; each
reads the test set once a seed, the random ones with the first seed alone. Seconds are the processor's. With
`--keep FILE` a comparison that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from data_options import add_common_options, add_trainings_options, at_least, given
from in_processes import in_processes
from kept_outcomes import KeptOutcomes
from neat_deep.base.devices import get_device
from neat_deep.base.errors import SearchError
from neat_deep.cli.experiment import read_neat_experiment
from neat_deep.cli.overrides import load_inputs
from neat_deep.cli.running import naming, run_script
from neat_deep.config.experiment_file import Experiment
from neat_deep.data import Dataset, DataSpec, load_dataset
from neat_deep.networks.cost import count_macs, count_parameters
from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture
from neat_deep.training.retraining import retrain
from random_genomes import TOLERANCE, sample

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "cifar10_neat.ini"
MOST_CHANNELS = 1024


@dataclass(frozen=True)
class Training:
    """One training to do, of a random cell or of one that was named."""

    name: str
    seed: int
    architecture: Architecture
    is_random: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a training came to: `accuracy` (0..1) on the test set, `macs` for one example."""

    name: str
    seed: int
    accuracy: float
    channels: int
    parameters: int
    macs: int
    seconds: float
    is_random: bool


class Trainer:
    """Does trainings of an experiment; it can be sent to other processes, each of which reads the data once."""

    def __init__(self, experiment: Experiment) -> None:
        self._data = experiment.data
        self._training = experiment.training
        self._device = experiment.run.device

    @cached_property
    def _dataset(self) -> Dataset:
        return load_dataset(self._data)

    def __call__(self, training: Training) -> Outcome:
        """Train one network from scratch and score it."""
        dataset, started = self._dataset, time.process_time()
        trained = retrain(
            training.architecture,
            dataset,
            self._training,
            device=get_device(self._device),
            seed=training.seed,
            threads=1,
        )
        return Outcome(
            training.name,
            training.seed,
            trained.test.accuracy,
            training.architecture.skeleton.channels,
            trained.parameters,
            count_macs(build_network(training.architecture, dataset.spec, seed=0), dataset.spec),
            time.process_time() - started,
            training.is_random,
        )


def main(arguments: Sequence[str] | None) -> None:
    """Train whatever is not kept, print the table and, if asked, a line of JSON."""
    options = _parse(arguments)
    experiment = _experiment(options)
    _, dataset = load_inputs(options.config, given(options), experiment)
    first = Architecture.load(options.architectures[0])
    yardstick = replace(first, skeleton=replace(experiment.network, rank=dataset.spec.rank))
    size = _parameters(yardstick, dataset.spec)
    contenders = {options.architectures[0].stem: yardstick}
    for path in options.architectures[1:]:
        name = path.stem if path.stem not in contenders else str(path)
        with naming(path):
            contenders[name] = of_size(Architecture.load(path), yardstick, size, dataset.spec)
    first_seed, drawn = experiment.run.seed, []
    if options.random:
        drawn = sample(yardstick, experiment.neat.genome_config, dataset.spec, options.random, first_seed)
    trainings = [
        Training(name, seed, architecture)
        for seed in range(first_seed, first_seed + options.seeds)
        for name, architecture in contenders.items()
    ]
    trainings += [Training(f"random {i}", first_seed, one, is_random=True) for i, one in enumerate(drawn, 1)]
    facts = {
        "config": options.config.read_text(encoding="utf-8"),
        "data": dataset.spec.name,
        "digests": {name: architecture.digest() for name, architecture in contenders.items()},
        "epochs": experiment.training.epochs,
        "channels": experiment.network.channels,
    }
    kept = KeptOutcomes(options.keep, Outcome, facts)
    console = Console()
    missing = [one for one in trainings if not kept.has(name=one.name, seed=one.seed)]
    for outcome in in_processes(missing, Trainer(experiment), options.processes):
        kept.add(outcome)
        score = f"{100 * outcome.accuracy:.2f}%, {outcome.parameters:,} parameters, {outcome.seconds:.0f} s"
        console.print(f"{outcome.name}, seed {outcome.seed}: {score}", highlight=False)
    console.print(_table(kept.outcomes))
    if options.json:
        versions = {"threads": 1, "torch": torch.__version__, "python": platform.python_version()}
        print(json.dumps({"parameters": size, "epochs": experiment.training.epochs, **versions, "rows": kept.rows()}))


def of_size(architecture: Architecture, like: Architecture, size: int, data: DataSpec) -> Architecture:
    """The cell in the skeleton of `like`, with the channels whose parameters are nearest to `size`.

    Raises `SearchError` where none are within a tenth of it.
    """

    def with_channels(channels: int) -> Architecture:
        return replace(like, cell=architecture.cell, skeleton=replace(like.skeleton, channels=channels))

    low, high = 1, MOST_CHANNELS  # parameters grow with the channels
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _parameters(with_channels(middle), data) <= size else (low, middle)
    nearest = min((with_channels(low), with_channels(high)), key=lambda one: abs(_parameters(one, data) - size))
    if abs(_parameters(nearest, data) - size) > TOLERANCE * size:
        raise SearchError(f"no number of channels gives it {size:,} parameters, within {TOLERANCE:.0%} of that")
    return nearest


def _parameters(architecture: Architecture, data: DataSpec) -> int:
    with torch.device("meta"):
        return count_parameters(build_network(architecture, data, seed=0))


def _experiment(options: argparse.Namespace) -> Experiment:
    experiment = read_neat_experiment(options.config, given(options))
    network, training = experiment.network, experiment.training
    return replace(
        experiment,
        network=replace(network, channels=options.channels or network.channels),
        training=replace(training, epochs=options.epochs or training.epochs),
    )


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table()
    for heading in ("cell", "channels", "parameters", "MACs", "test accuracy", "mean", "deviation", "seconds"):
        table.add_column(heading, justify="left" if heading == "cell" else "right")
    groups: dict[str, list[Outcome]] = {}
    for one in outcomes:
        groups.setdefault("" if one.is_random else one.name, []).append(one)
    for name, rows in groups.items():
        accuracies = [100 * row.accuracy for row in rows]
        deviation = statistics.stdev(accuracies) if len(rows) > 1 else math.nan
        table.add_row(
            name or f"{len(rows)} random cells",
            _from_to([row.channels for row in rows]),
            _from_to([row.parameters for row in rows]),
            f"{statistics.fmean(row.macs for row in rows) / 1e6:.1f}M",
            ", ".join(f"{accuracy:.2f}" for accuracy in accuracies),
            f"{statistics.fmean(accuracies):.2f}%",
            f"{deviation:.2f}",
            f"{statistics.fmean(row.seconds for row in rows):.0f}",
        )
    return table


def _from_to(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("architectures", type=Path, nargs="+", help="JSON files; the first says how large all are")
    parser.add_argument("--config", type=Path, default=CONFIG, help="INI file (default: %(default)s)")
    parser.add_argument("--channels", type=at_least("--channels", 1), help="of the first; over [Network] channels")
    parser.add_argument("--epochs", type=at_least("--epochs", 1), help="of each training; over [Training] epochs")
    parser.add_argument("--random", type=at_least("--random", 0), default=0, help="random cells to train")
    add_trainings_options(parser, seeds=3)
    add_common_options(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_script(main)
