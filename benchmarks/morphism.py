"""Does a network that grows beat the one that it grew from, trained as long? A climb by morphism against its start.

    python benchmarks/morphism.py [--config configs/mnist_morphism.ini] [--seeds 1 2 3] [--data-root data] [--json]

The strategy `morphism` climbs as the INI file says. The start alone is then trained from scratch on the same examples:
for as many epochs as the climb's samples come to, all its children's together (`alone`), and for as many as the best
network itself went through, its ancestors' included (`alone, short`). All are scored on the search's validation
examples, and each once on the test set: the best of the climb with the weights that it ended with.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from figures import mean_percent
from neat_deep.base.devices import get_device, set_threads
from neat_deep.base.errors import StoreError
from neat_deep.cli.running import run_script
from neat_deep.config.strategy_experiment import StrategyExperiment, load_strategy_experiment
from neat_deep.data import Dataset, Split, load_dataset, part_of
from neat_deep.networks.cost import count_macs, count_parameters
from neat_deep.networks.network import Network, build_network
from neat_deep.scoring.inheritance import unpack
from neat_deep.scoring.short_training import short_training
from neat_deep.search.result import SearchResult
from neat_deep.search.strategy_search import search
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from neat_deep.training.fit import evaluate, fit
from turns import at_least

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "mnist_morphism.ini"


@dataclass(frozen=True)
class Outcome:
    """One network of one seed: how it was trained (on so many `samples`) and what it scores."""

    seed: int
    way: str
    samples: int
    validation: float
    validation_loss: float
    test: float
    parameters: int
    macs: int


def main(arguments: Sequence[str] | None) -> None:
    """Climb, train the start alone, print the table."""
    options = _parse(arguments)
    experiment = load_strategy_experiment(options.config)
    experiment = replace(experiment, data=replace(experiment.data, root=options.data_root or experiment.data.root))
    run = replace(experiment.run, workers=options.workers or experiment.run.workers)
    experiment = replace(experiment, run=replace(run, generations=options.generations or run.generations))
    dataset = load_dataset(experiment.data)
    set_threads(1)
    console = Console()
    outcomes: list[Outcome] = []
    for seed in options.seeds:
        seeded = replace(experiment, run=replace(experiment.run, seed=seed))
        for outcome in compare(seeded, dataset):
            outcomes.append(outcome)
            console.print(f"seed {seed}, {outcome.way}: {100 * outcome.validation:.2f}%")
    console.print(_table(outcomes))
    if options.json:
        rows = [asdict(outcome) for outcome in outcomes]
        print(json.dumps({"rows": rows, "threads": torch.get_num_threads(), "torch": torch.__version__}))


def compare(experiment: StrategyExperiment, dataset: Dataset) -> list[Outcome]:
    """The best network of a climb, and its start alone, trained as long as all of the climb and as the best itself."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        with (Path(place) / "screen").open("w", encoding="utf-8") as screen:
            result = search(experiment, dataset, folder, Console(file=screen))
        network, start, own = _read(folder, result, dataset)
    fitness, seed = experiment.fitness, experiment.run.seed
    dataset, short = short_training(fitness, experiment.training, dataset)
    train = part_of(dataset.train, fitness.train_subset, seed)  # as the search drew them
    validation = part_of(dataset.validation, fitness.validation_subset, seed)
    climbed = _outcome("climb", network, result.samples, experiment, validation, dataset)
    examples = len(train)
    outcomes = [climbed]
    for way, samples in (("alone", result.samples), ("alone, short", own * examples * fitness.epochs)):
        network = build_network(start, dataset.spec, seed=seed)
        settings = replace(short, epochs=round(samples / examples))
        fit(network, train, settings, device=get_device(experiment.run.device), seed=seed)
        outcomes.append(_outcome(way, network, settings.epochs * examples, experiment, validation, dataset))
    return outcomes


def _read(folder: Path, result: SearchResult, dataset: Dataset) -> tuple[Network, Architecture, int]:
    """The best network with its weights, the start, and how many trainings the best went through."""
    best = result.best
    assert best.architecture is not None
    with RunStore.read(folder) as store:
        weights = store.weights(best.key, best.rung)
        records = {record.candidate: record for record in store.candidates()}
        start = store.architecture(records[0].digest)
    if weights is None:
        raise StoreError("the weights of the best network were not kept; allowed: a larger [Fitness] weights_megabytes")
    network = build_network(best.architecture, dataset.spec, seed=0)
    network.load_state_dict(unpack(weights))
    keys, number = set(), best.candidate
    while True:
        keys.add(records[number].key)
        if not records[number].parents:
            return network, start, len(keys)
        (number,) = records[number].parents


def _outcome(
    way: str, network: Network, samples: int, experiment: StrategyExperiment, validation: Split, dataset: Dataset
) -> Outcome:
    device = get_device(experiment.run.device)
    scored = evaluate(network, validation, device=device)
    test = evaluate(network, dataset.read_test(), device=device)
    return Outcome(
        seed=experiment.run.seed,
        way=way,
        samples=samples,
        validation=scored.accuracy,
        validation_loss=scored.loss,
        test=test.accuracy,
        parameters=count_parameters(network),
        macs=count_macs(network, dataset.spec),
    )


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(caption="means over the seeds; accuracies with the standard deviation")
    for heading in ("network", "training samples", "validation", "test", "parameters", "MACs"):
        table.add_column(heading, justify="left" if heading == "network" else "right")
    for way in dict.fromkeys(outcome.way for outcome in outcomes):
        rows = [outcome for outcome in outcomes if outcome.way == way]
        table.add_row(
            way,
            f"{statistics.fmean(row.samples for row in rows):,.0f}",
            mean_percent([row.validation for row in rows]),
            mean_percent([row.test for row in rows]),
            f"{statistics.fmean(row.parameters for row in rows):,.0f}",
            f"{statistics.fmean(row.macs for row in rows):,.0f}",
        )
    return table


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=CONFIG, help="INI file (default: %(default)s)")
    parser.add_argument("--seeds", type=at_least(1), nargs="+", default=[1, 2, 3], help="(default: %(default)s)")
    parser.add_argument("--generations", type=at_least(1), help="over [Run] generations")
    parser.add_argument("--workers", help="over [Run] workers")
    parser.add_argument("--data-root", help="folder that holds the data sets; over [Data] root")
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON, last")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_script(main)
