"""What each brake and cheaper variant of DARTS costs and finds: search time, memory and accuracy, beside random cells.

    python benchmarks/darts_variants.py [--config configs/digits_darts.ini] [--seeds 3] [--json]

Every row is the INI file's search with a few settings of [Darts] changed, each seed in a process of its own, so that
the peak of its memory (less what the process had before the supernet was built) is its own. The derived network is
trained from scratch as [Training] says and reads the test set once. `random` derives cells from random alphas and
keeps, for each seed, the first whose network has the number of parameters that `first order` found, within a tenth
of the cells' own parameters; it is trained in the same way.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from darts.alphas import Alphas
from darts.bilevel import search
from darts.derivation import count_parameter_free, derive
from darts.settings import DartsExperiment, load_darts_experiment
from data_options import at_least, given
from memory import resident_mib
from neat_deep.base.devices import get_device, set_threads
from neat_deep.base.errors import ConfigError, NeatDeepError, SearchError
from neat_deep.base.randomness import derive_seed
from neat_deep.cli.overrides import override
from neat_deep.cli.running import run_script
from neat_deep.data import DATASETS, DataSpec, load_dataset
from neat_deep.networks.cost import count_parameters
from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture
from neat_deep.training.retraining import retrain

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "digits_darts.ini"
FIRST, RANDOM = "first order", "random"
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    FIRST: {},
    "second order": {"order": "second"},
    "GDAS (gumbel)": {"sampling": "gumbel"},
    "PC-DARTS (1/4, edges)": {"partial_channels": 4, "edge_normalisation": True},
    "P-DARTS (dropout 0.3)": {"identity_dropout": 0.3},
    "P-DARTS (cap 1)": {"identity_cap": 1},
    "DARTS+ (stop at 4 free)": {"stop_parameter_free": 4},
    "add and mul": {"aggregation_options": ("add", "mul")},
    "entropy price 1": {"entropy_price": 1.0},
    "entropy price 30": {"entropy_price": 30.0},
    "entropy price 100": {"entropy_price": 100.0},
    "FairDARTS (sigmoid)": {"sampling": "sigmoid"},
    "P-DARTS (shrink 10 4)": {"shrink": (10, 4)},
    "R-DARTS (eigenvalue)": {"stop_eigenvalue_ratio": 0.75},
    "DARTS-PT (perturbation)": {"selection": "perturbation"},
    "DARTS-PT, shrink 10 4": {"selection": "perturbation", "shrink": (10, 4)},
}
TOLERANCE = 0.1
MOST_TRIES = 20_000


@dataclass(frozen=True)
class Outcome:
    """One search and the retraining of what it derived."""

    variant: str
    seed: int
    architecture: str  # JSON
    search_seconds: float
    peak_mebibytes: float
    supernet_accuracy: float | None
    inherited_accuracy: float | None
    test_accuracy: float
    parameters: int
    parameter_free: int
    epochs: int


def main(arguments: Sequence[str] | None) -> None:
    """Search, train, print the table."""
    options = _parse(arguments)
    console = Console()
    outcomes: list[Outcome] = []
    for variant in options.variants:
        for seed in range(options.seed, options.seed + options.seeds):
            winner = next((o for o in outcomes if o.variant == FIRST and o.seed == seed), None)
            outcome = _in_own_process(_experiment(options, variant, seed), variant, winner)
            outcomes.append(outcome)
            console.print(f"{variant}, seed {seed}: {100 * outcome.test_accuracy:.2f}%", highlight=False)
    console.print(_table(outcomes))
    if options.json:
        rows = [{k: v for k, v in asdict(o).items() if k != "architecture"} for o in outcomes]
        print(json.dumps({"rows": rows, "threads": torch.get_num_threads(), "torch": torch.__version__}))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=CONFIG, help="INI file (default: %(default)s)")
    parser.add_argument("--epochs", type=int, help="epochs of each search; over [Darts] epochs")
    parser.add_argument("--seeds", type=at_least("--seeds", 1), default=3, help="seeds for each row, from --seed on")
    names = [*VARIANTS, RANDOM]
    parser.add_argument("--variants", nargs="+", default=names, choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON line last")
    parser.add_argument("--dataset", help=f"{', '.join(DATASETS)}; over [Data] dataset")
    parser.add_argument("--data-root", help="folder that holds the data sets; over [Data] root")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, ... or auto; over [Run] device")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default: 1)")
    options = parser.parse_args(arguments)
    if RANDOM in options.variants and FIRST not in options.variants[: options.variants.index(RANDOM)]:
        raise ConfigError(f"--variants: '{RANDOM}' takes its size from '{FIRST}', allowed: '{FIRST}' before it")
    return options


def _experiment(options: argparse.Namespace, variant: str, seed: int) -> DartsExperiment:
    experiment = load_darts_experiment(options.config)
    darts = override(experiment.darts, given(options), {"epochs": "epochs"})
    return replace(
        experiment,
        data=override(experiment.data, given(options), {"dataset": "dataset", "data_root": "root"}),
        darts=replace(darts, **VARIANTS.get(variant, {})),
        run=replace(override(experiment.run, given(options), {"device": "device"}), seed=seed),
    )


def _in_own_process(experiment: DartsExperiment, variant: str, winner: Outcome | None) -> Outcome:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, experiment, variant, winner))
    process.start()
    theirs.close()
    try:
        outcome: Outcome | NeatDeepError = ours.recv()
    except EOFError:
        raise SearchError(f"the process of '{variant}' ended without a result; see above") from None
    finally:
        process.join()
    if isinstance(outcome, NeatDeepError):
        raise type(outcome)(f"{variant}: {outcome}")
    return outcome


def _work(connection: Connection, experiment: DartsExperiment, variant: str, winner: Outcome | None) -> None:
    try:
        connection.send(_measure(experiment, variant, winner))
    except NeatDeepError as error:
        connection.send(error)


def _measure(experiment: DartsExperiment, variant: str, winner: Outcome | None) -> Outcome:
    set_threads(experiment.run.threads)
    device = get_device(experiment.run.device)
    dataset = load_dataset(experiment.data)
    skeleton = replace(experiment.network, rank=dataset.spec.rank)
    seed = experiment.run.seed
    if variant == RANDOM:
        assert winner is not None  # `_parse` saw to it
        architecture = _random_architecture(Architecture.from_json(winner.architecture), experiment, dataset.spec)
        result, seconds, peak = None, 0.0, 0.0
    else:
        before = resident_mib("VmRSS")
        result = search(
            experiment.darts,
            skeleton,
            dataset,
            device=device,
            seed=seed,
            augmentation=experiment.training.augmentation,
        )
        peak = resident_mib("VmHWM") - before
        architecture, seconds = result.architecture, result.seconds
    trained = retrain(architecture, dataset, experiment.training, device=device, seed=seed)
    return Outcome(
        variant,
        seed,
        architecture.to_json(),
        seconds,
        peak,
        None if result is None else result.supernet.accuracy,
        None if result is None or result.inherited is None else result.inherited.accuracy,
        trained.test.accuracy,
        trained.parameters,
        count_parameter_free(architecture.cell),
        0 if result is None else len(result.history),
    )


def _random_architecture(winner: Architecture, experiment: DartsExperiment, data: DataSpec) -> Architecture:
    """A cell of random alphas whose own parameters are as many as the winner's, within `TOLERANCE`."""
    generator = torch.Generator().manual_seed(derive_seed(experiment.run.seed, "random cells"))
    winner_size = _cell_parameters(winner, data)
    space = experiment.darts.space()
    for _ in range(MOST_TRIES):
        alphas = Alphas(space, generator)
        architecture = replace(winner, cell=derive(alphas))
        if abs(_cell_parameters(architecture, data) - winner_size) <= TOLERANCE * winner_size:
            return architecture
    raise SearchError(f"no random cell of about {winner_size:,} parameters in {MOST_TRIES} tries")


def _cell_parameters(architecture: Architecture, data: DataSpec) -> int:
    """The parameters of the cells alone: stem, reductions and head are the same for all."""
    return count_parameters(build_network(architecture, data, seed=0).cells)


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(
        "variant",
        "epochs",
        "search s",
        "peak MiB",
        "supernet %",
        "derived, before %",
        "test %",
        "parameters",
        "free ops",
    )
    for variant in dict.fromkeys(o.variant for o in outcomes):
        rows = [o for o in outcomes if o.variant == variant]
        table.add_row(
            variant,
            _median([o.epochs for o in rows], "{:.0f}"),
            _median([o.search_seconds for o in rows], "{:.0f}"),
            _median([o.peak_mebibytes for o in rows], "{:.0f}"),
            _mean([o.supernet_accuracy for o in rows]),
            _mean([o.inherited_accuracy for o in rows]),
            _mean([o.test_accuracy for o in rows]),
            _median([o.parameters for o in rows], "{:,.0f}"),
            _median([o.parameter_free for o in rows], "{:.0f}"),
        )
    return table


def _median(values: Sequence[float], form: str) -> str:
    return form.format(statistics.median(values))


def _mean(values: Sequence[float | None]) -> str:
    """Mean and sample standard deviation of accuracies, in per cent."""
    known = [100 * value for value in values if value is not None]
    if not known:
        return "-"
    spread = f" ± {statistics.stdev(known):.2f}" if len(known) > 1 else ""
    return f"{statistics.mean(known):.2f}{spread}"


if __name__ == "__main__":
    run_script(main)
