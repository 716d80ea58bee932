"""Is a skeleton that is searched at least as good as the shipped one, at no more multiply-accumulates?

    python benchmarks/skeletons.py [--config configs/mnist_neat.ini] [--cell configs/architectures/resnet_block.json]
        [--images 10000] [--evaluations 60] [--data-root data] [--json]

Regularized evolution searches channels, reductions and the cells of each stage around one cell. A skeleton with more
multiply-accumulates than that of [Network] is refused before it trains. The best of the search and the skeleton of
[Network] are then trained from scratch as [Training] says, with several seeds, and held against each other on the
search's validation examples. The best of them by its mean is called the winner, and it and the shipped one are scored
once on the test set.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from figures import mean_percent
from neat_deep.base.devices import get_device, set_threads
from neat_deep.base.errors import SearchError
from neat_deep.cli.running import run_script
from neat_deep.config.experiment_file import Experiment, load_experiment
from neat_deep.data import Dataset, Split, load_dataset
from neat_deep.networks.cost import count_macs, count_parameters
from neat_deep.networks.network import Network, build_network
from neat_deep.networks.suitability import check_skeleton_options
from neat_deep.scoring.budget import Budget, BudgetSpentError
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.scorer import Scorer
from neat_deep.search.workers import evaluating_in, plan_workers
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph
from neat_deep.space.skeleton_options import SkeletonOptions
from neat_deep.space.skeleton_space import SkeletonSpace
from neat_deep.strategies.regularized_evolution import RegularizedEvolution, RegularizedEvolutionSettings
from neat_deep.strategies.strategy import StrategyContext
from neat_deep.training.fit import evaluate, fit
from turns import at_least

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = "shipped"
SETTINGS = RegularizedEvolutionSettings(population=12, tournament=4)
GENERATION = 4  # skeletons that are asked for and scored together


@dataclass(frozen=True)
class Outcome:
    """A skeleton, trained from scratch with each seed; `test` is empty for those that are not read on the test set."""

    name: str
    channels: int
    cells: int
    reduce_after: tuple[int, ...]
    macs: int
    parameters: int
    validation: tuple[float, ...]
    test: tuple[float, ...]


def main(arguments: Sequence[str] | None) -> None:
    """Search, train the finalists and the shipped skeleton, print the table; raises `NeatDeepError`."""
    options = _parse(arguments)
    experiment = load_experiment(options.config)
    data = replace(experiment.data, root=options.data_root or experiment.data.root, train_limit=options.images)
    dataset = load_dataset(data)
    set_threads(1)
    skeleton = replace(experiment.network, rank=dataset.spec.rank)
    cell = Architecture.load(options.cell).cell
    space = SkeletonSpace(
        SkeletonOptions(
            channels_options=tuple(options.channels),
            reductions_options=tuple(options.reductions),
            stage_cells_options=tuple(options.stage_cells),
        ),
        skeleton,
    )
    ops = [edge.op for node in cell.flat().nodes for edge in node.edges]
    check_skeleton_options(space.options, ops, skeleton, dataset.spec)
    most = count_macs(build_network(Architecture(cell, skeleton), dataset.spec, seed=0), dataset.spec)
    console = Console()
    console.print(f"{space.count(10**6):,} skeletons; at most {most:,} multiply-accumulates", highlight=False)
    skeletons = search(experiment, dataset, space, cell, most=most, evaluations=options.evaluations)
    finalists = {SHIPPED: skeleton}
    finalists |= {f"number {n}": one for n, one in enumerate(skeletons[: options.finalists], 1) if one != skeleton}
    if len(finalists) == 1:
        raise SearchError("no skeleton of the search but the shipped one trains within its multiply-accumulates")
    trained = {
        name: [train(Architecture(cell, one), experiment, dataset, seed) for seed in options.seeds]
        for name, one in finalists.items()
    }
    validated = {name: _accuracies(networks, dataset.validation, experiment) for name, networks in trained.items()}
    winner = max([name for name in finalists if name != SHIPPED], key=lambda name: statistics.fmean(validated[name]))
    rows = []
    for name, one in finalists.items():
        network = trained[name][0]
        tested = _accuracies(trained[name], dataset.read_test(), experiment) if name in (SHIPPED, winner) else ()
        costs = count_macs(network, dataset.spec), count_parameters(network)
        rows.append(Outcome(name, one.channels, one.cells, one.reduce_after, *costs, validated[name], tested))
    console.print(_table(rows, winner))
    if options.json:
        shared = {"threads": torch.get_num_threads(), "torch": torch.__version__}
        print(json.dumps({"winner": winner, "rows": {row.name: asdict(row) for row in rows}, **shared}))


def search(
    experiment: Experiment, dataset: Dataset, space: SkeletonSpace, cell: CellGraph, *, most: int, evaluations: int
) -> list[Skeleton]:
    """The skeletons that were trained within `most` multiply-accumulates, the best first."""
    run = experiment.run
    fitness = replace(experiment.fitness, channels=0, max_macs=most)  # the search decides on the channels
    device = get_device(run.device)
    budget = Budget(evaluations=evaluations)
    scorer = Scorer(dataset, fitness, experiment.training, space.base, device=device, seed=run.seed, budget=budget)
    strategy = RegularizedEvolution(StrategyContext(space, space.base, SETTINGS, run.seed))
    worths: dict[Skeleton, float] = {}
    with evaluating_in(plan_workers(run.workers, device, run.ray_gpus), run, scorer):
        try:
            while proposals := strategy.ask(GENERATION):
                scores = scorer.score([Candidate(p.number, Architecture(cell, p.point), p.parents) for p in proposals])
                strategy.tell(scores)
                for proposal, score in zip(proposals, scores, strict=True):
                    if score.objective is not None:
                        worths[proposal.point] = score.objective
        except BudgetSpentError:
            pass
    return sorted(worths, key=lambda skeleton: -worths[skeleton])


def train(architecture: Architecture, experiment: Experiment, dataset: Dataset, seed: int) -> Network:
    """The network of an architecture, trained as [Training] says on the examples that the search may train on."""
    network = build_network(architecture, dataset.spec, seed=seed)
    settings = replace(experiment.training, early_stopping=0)
    fit(network, dataset.train, settings, device=get_device(experiment.run.device), seed=seed)
    return network


def _accuracies(networks: Sequence[Network], split: Split, experiment: Experiment) -> tuple[float, ...]:
    device = get_device(experiment.run.device)
    return tuple(evaluate(network, split, device=device).accuracy for network in networks)


def _table(outcomes: Sequence[Outcome], winner: str) -> Table:
    table = Table(caption=f"the winner by validation accuracy: {winner}; accuracies are means over the seeds")
    for heading in ("skeleton", "channels", "cells", "reduced after", "MACs", "parameters", "validation", "test"):
        table.add_column(heading, justify="left" if heading == "skeleton" else "right")
    for row in outcomes:
        table.add_row(
            row.name,
            str(row.channels),
            str(row.cells),
            " ".join(map(str, row.reduce_after)),
            f"{row.macs:,}",
            f"{row.parameters:,}",
            mean_percent(row.validation),
            mean_percent(row.test) if row.test else "",
        )
    return table


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    config, cell = ROOT / "configs" / "mnist_neat.ini", ROOT / "configs" / "architectures" / "resnet_block.json"
    parser.add_argument("--config", type=Path, default=config, help="INI file (default: %(default)s)")
    parser.add_argument("--cell", type=Path, default=cell, help="architecture with the cell (default: %(default)s)")
    parser.add_argument("--images", type=at_least(0), default=10_000, help="[Data] train_limit (default: %(default)s)")
    parser.add_argument("--evaluations", type=at_least(1), default=60, help="of the search (default: %(default)s)")
    parser.add_argument("--finalists", type=at_least(1), default=3, help="trained again (default: %(default)s)")
    parser.add_argument("--seeds", type=at_least(0), nargs="+", default=[1, 2, 3], help="(default: %(default)s)")
    channels, reductions, cells = [8, 12, 16, 20, 24, 28, 32, 40, 48], [1, 2, 3], [0, 1, 2, 3]
    parser.add_argument("--channels", type=at_least(1), nargs="+", default=channels, help="(default: %(default)s)")
    parser.add_argument("--reductions", type=at_least(0), nargs="+", default=reductions, help="(default: %(default)s)")
    parser.add_argument("--stage-cells", type=at_least(0), nargs="+", default=cells, help="(default: %(default)s)")
    parser.add_argument("--data-root", help="folder that holds the data sets; over [Data] root")
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON, last")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_script(main)
