"""Which cells suit a data set: each is trained from scratch on several splits of all that is not for testing.

    python benchmarks/cross_validation.py runs/sst2_neat configs/architectures/*.json --data-root data --json
        [--config configs/sst2_neat.ini] [--channels N] [--splits 4] [--share 0.3]

A folder of a run by evolution stands for its best network of each number of nodes: whether a search was right to
stay small is told by what its larger networks come to when they get the whole training. Training and validation part
are put together and split anew, stratified, `--splits` times; of each a `--share` scores and the rest trains, with all
of the INI file's `[Training]`. All contenders see the same splits, so their differences are of one kind: beside each
mean stands the mean difference from the first contender and its standard error over the splits. Splits overlap, so
that error is a little too small. The vocabulary of texts knows what is held out too, for
all alike. No test set is read.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from neat_deep.architecture import Architecture
from neat_deep.command_line import add_common_options, at_least, load_inputs, naming, read_experiment, run_script
from neat_deep.config import Experiment
from neat_deep.data import Dataset, stratified_split
from neat_deep.errors import SearchError
from neat_deep.network import build_network, count_parameters
from neat_deep.pareto import architecture_of, pareto_front
from neat_deep.randomness import derive_seed
from neat_deep.run_store import RunStore
from neat_deep.training import evaluate, fit, set_threads

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "sst2_neat.ini"


@dataclass(frozen=True)
class Contender:
    """A network, and what its row says."""

    name: str
    architecture: Architecture


def main(arguments: Sequence[str] | None) -> None:
    """Train, score, print a table."""
    options = _parse(arguments)
    experiment = read_experiment(options)
    set_threads(experiment.run.threads)
    device, dataset = load_inputs(options, experiment)
    dataset = dataset.for_retraining()
    contenders = [found for place in options.contenders for found in _contenders(place, experiment)]
    if options.channels is not None:
        contenders = [_widen(contender, options.channels) for contender in contenders]
    for contender in contenders:
        with naming(contender.name):
            build_network(contender.architecture, dataset.spec, seed=0)  # its ops are known and suit the data
    console = Console()
    accuracies: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for split in range(options.splits):
        for contender in contenders:
            seed = derive_seed(experiment.run.seed, "split", str(split))
            score = _score(contender.architecture, dataset, experiment, options.share, seed, device)
            accuracies[contender.name].append(score)
            console.print(f"split {split + 1}, {contender.name}: {100 * score:.2f}%", highlight=False)
    figures = [_figures(contender, dataset, accuracies, contenders[0].name) for contender in contenders]
    console.print(_table(figures, options.splits))
    if options.json:
        versions = {"threads": torch.get_num_threads(), "torch": torch.__version__}
        print(json.dumps({"rows": figures, "splits": options.splits, "share": options.share, **versions}))


def _contenders(place: Path, experiment: Experiment) -> list[Contender]:
    """An architecture's file as it is, or a run's best network of each number of nodes, the smallest first."""
    if not place.is_dir():
        return [Contender(str(place), Architecture.load(place))]
    found: dict[int, tuple[float, Contender]] = {}
    with RunStore.read(place) as store:
        for row in pareto_front(store.genomes()).networks:
            architecture = architecture_of(store, row, experiment.neat.genome_config, experiment.network)
            nodes, accuracy = len(architecture.cell.nodes), row.accuracy or 0.0
            if nodes not in found or accuracy > found[nodes][0]:
                name = f"{place}, best of {nodes} node{'s' * (nodes > 1)}"
                found[nodes] = accuracy, Contender(name, architecture)
    if not found:
        raise SearchError(f"{place}: the run has no network that was trained in full")
    return [found[nodes][1] for nodes in sorted(found)]


def _widen(contender: Contender, channels: int) -> Contender:
    skeleton = replace(contender.architecture.skeleton, channels=channels)
    return replace(contender, architecture=replace(contender.architecture, skeleton=skeleton))


def _score(
    architecture: Architecture, dataset: Dataset, experiment: Experiment, share: float, seed: int, device: torch.device
) -> float:
    """The accuracy on the share that was held out; `seed` decides split, weights and training."""
    examples = dataset.train
    trains, scores = stratified_split(examples.labels, share, seed)
    network = build_network(architecture, dataset.spec, seed=derive_seed(seed, "weights"), vectors=dataset.vectors)
    settings = replace(experiment.training, early_stopping=0)
    fit(network, examples.subset(trains), settings, device=device, seed=derive_seed(seed, "training"))
    return evaluate(network, examples.subset(scores), device=device).accuracy


def _figures(
    contender: Contender, dataset: Dataset, accuracies: dict[str, list[float]], reference: str
) -> dict[str, Any]:
    own = accuracies[contender.name]
    differences = [a - b for a, b in zip(own, accuracies[reference], strict=True)]
    return {
        "name": contender.name,
        "nodes": len(contender.architecture.cell.nodes),
        "parameters": count_parameters(build_network(contender.architecture, dataset.spec, seed=0)),
        "accuracies": own,
        "mean": statistics.fmean(own),
        "difference": statistics.fmean(differences),
        "standard_error": statistics.stdev(differences) / len(differences) ** 0.5,
    }


def _table(figures: Sequence[dict[str, Any]], splits: int) -> Table:
    table = Table(title=f"accuracy on what was held out, {splits} splits")
    table.add_column("network")
    for heading in ("nodes", "parameters", "mean", "less the first's"):
        table.add_column(heading, justify="right")
    for row in figures:
        versus = f"{100 * row['difference']:+.2f} ± {100 * row['standard_error']:.2f}" if row is not figures[0] else ""
        table.add_row(row["name"], str(row["nodes"]), f"{row['parameters']:,}", f"{100 * row['mean']:.2f}%", versus)
    return table


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "contenders", type=Path, nargs="+", help="JSON files of architectures, or folders of runs by evolution"
    )
    parser.add_argument("--config", type=Path, default=CONFIG, help="the INI file (default: %(default)s)")
    parser.add_argument("--channels", type=at_least("--channels", 1), help="instead of each architecture's own")
    parser.add_argument("--splits", type=at_least("--splits", 2), default=4, help="(default: %(default)s)")
    parser.add_argument("--share", type=float, default=0.3, help="what scores (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON line last")
    add_common_options(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_script(main)
