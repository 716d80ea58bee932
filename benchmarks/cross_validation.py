"""Which cells suit a data set: each is trained from scratch on several splits of what neither selected nor tests.

    python benchmarks/cross_validation.py runs/sst2_neat configs/architectures/transformer_block.json --json
        [--config configs/sst2_neat.ini] [--channels N] [--splits 4] [--share 0.3]

A folder of a run by evolution stands for its best network of each number of nodes: how its larger networks do after
the whole training shows whether the search was right to stay small. The training part is split
anew, stratified, `--splits` times: a `--share` of it scores, the rest trains together with the validation part, with
all of the INI file's `[Training]`. What validated a run chose its networks, so it never scores here; a run must have
the INI file's `[Data]`, or it might have been validated on other examples. All contenders see the same splits: beside
each mean stands the mean difference from the first contender and its standard error over the splits, which is a little
too small, since splits overlap. The vocabulary of texts knows what scores too, for all alike. No test set is read.
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
from torch import Tensor

from data_options import add_common_options, at_least, given
from neat_deep.base.devices import set_threads
from neat_deep.base.errors import SearchError
from neat_deep.base.randomness import derive_seed
from neat_deep.cli.experiment import read_neat_experiment
from neat_deep.cli.overrides import load_inputs
from neat_deep.cli.running import naming, run_script
from neat_deep.config.experiment_file import Experiment, read_settings_text
from neat_deep.data import Dataset, stratified_split
from neat_deep.data.settings import check_share
from neat_deep.networks.cost import count_parameters
from neat_deep.networks.network import build_network
from neat_deep.reports.pareto import pareto_front
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from neat_deep.training.fit import evaluate, fit
from neat_deep.training.settings import TrainingSettings

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "sst2_neat.ini"


@dataclass(frozen=True)
class Contender:
    """A network, and what its row says."""

    name: str
    architecture: Architecture


def main(arguments: Sequence[str] | None) -> None:
    """Train, score, print a table."""
    options = _parse(arguments)
    experiment = read_neat_experiment(options.config, given(options))
    set_threads(experiment.run.threads)
    check_share("--share", options.share)
    device, dataset = load_inputs(options.config, given(options), experiment)
    selecting = len(dataset.validation)
    dataset = dataset.for_retraining()
    rank = dataset.spec.rank
    contenders = [one for place in options.contenders for one in _contenders(place, experiment, rank)]
    if options.channels is not None:
        contenders = [_widen(contender, options.channels) for contender in contenders]
    for contender in contenders:
        with naming(contender.name):
            build_network(contender.architecture, dataset.spec, seed=0)  # its ops are known and suit the data
    console = Console()
    accuracies: list[list[float]] = [[] for _ in contenders]
    for split in range(options.splits):
        seed = derive_seed(experiment.run.seed, "split", str(split))
        trains, scores = _split(dataset.train.labels, selecting, options.share, seed)
        for contender, own in zip(contenders, accuracies, strict=True):
            own.append(_score(contender.architecture, dataset, experiment.training, trains, scores, seed, device))
            console.print(f"split {split + 1}, {contender.name}: {100 * own[-1]:.2f}%", highlight=False)
    figures = [
        _figures(contender, dataset, own, accuracies[0]) for contender, own in zip(contenders, accuracies, strict=True)
    ]
    console.print(_table(figures, options.splits))
    if options.json:
        versions = {"threads": torch.get_num_threads(), "torch": torch.__version__}
        print(json.dumps({"rows": figures, "splits": options.splits, "share": options.share, **versions}))


def _contenders(place: Path, experiment: Experiment, rank: int) -> list[Contender]:
    """An architecture's file as it is, or a run's best network of each number of nodes, the smallest first."""
    if not place.is_dir():
        return [Contender(str(place), Architecture.load(place))]
    best: dict[int, tuple[float, Contender]] = {}
    with naming(place), RunStore.read(place) as store:
        run = read_settings_text(store.fact("settings"))
        if replace(run.data, root=experiment.data.root) != experiment.data:
            raise SearchError("the run's [Data] is not the INI file's, so these splits might hold what validated it")
        skeleton = replace(run.network, rank=rank)
        for row in pareto_front(store.candidates()).networks:
            architecture = replace(store.architecture(row.digest), skeleton=skeleton)
            nodes, accuracy = len(architecture.cell.nodes), row.accuracy or 0.0
            if nodes not in best or accuracy > best[nodes][0]:
                name = f"{place.name}, best of {nodes} node{'s' * (nodes != 1)}"
                best[nodes] = accuracy, Contender(name, architecture)
        if not best:
            raise SearchError("the run has no network that was trained in full")
    return [best[nodes][1] for nodes in sorted(best)]


def _widen(contender: Contender, channels: int) -> Contender:
    skeleton = replace(contender.architecture.skeleton, channels=channels)
    return replace(contender, architecture=replace(contender.architecture, skeleton=skeleton))


def _split(labels: Tensor, selecting: int, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """The indices that train and those that score; the last `selecting` examples, which chose networks, only train."""
    free = len(labels) - selecting
    trains, scores = stratified_split(labels[:free], share, seed)
    return torch.cat([trains, torch.arange(free, len(labels))]), scores


def _score(
    architecture: Architecture,
    dataset: Dataset,
    training: TrainingSettings,
    trains: Tensor,
    scores: Tensor,
    seed: int,
    device: torch.device,
) -> float:
    """The accuracy on the examples that score; `seed` decides weights and training."""
    train = dataset.train.subset(trains)
    network = build_network(
        architecture, dataset.spec, seed=derive_seed(seed, "weights"), vectors=dataset.vectors, train=train
    )
    settings = replace(training, early_stopping=0)
    fit(network, train, settings, device=device, seed=derive_seed(seed, "training"))
    return evaluate(network, dataset.train.subset(scores), device=device).accuracy


def _figures(
    contender: Contender, dataset: Dataset, own: Sequence[float], reference: Sequence[float]
) -> dict[str, Any]:
    differences = [a - b for a, b in zip(own, reference, strict=True)]
    return {
        "name": contender.name,
        "nodes": len(contender.architecture.cell.nodes),
        "parameters": count_parameters(build_network(contender.architecture, dataset.spec, seed=0)),
        "accuracies": list(own),
        "mean": statistics.fmean(own),
        "difference": statistics.fmean(differences),
        "standard_error": statistics.stdev(differences) / len(differences) ** 0.5,
    }


def _table(figures: Sequence[dict[str, Any]], splits: int) -> Table:
    table = Table(title=f"accuracy on what scores, {splits} splits")
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
