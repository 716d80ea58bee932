"""Train the best networks of a run, from different species where there are, and let them vote.

    python examples/ensemble.py runs/mnist_neat --size 5

Prints accuracy and size of the ensemble beside the single best network, and keeps the networks in the run's folder.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from neat_deep.base.checks import check_range
from neat_deep.base.devices import get_device, set_threads
from neat_deep.base.errors import SearchError
from neat_deep.base.files import write_text
from neat_deep.cli.command_line import naming, override, run_script
from neat_deep.config.experiment_file import read_settings_text
from neat_deep.data import load_dataset
from neat_deep.reports.ensemble import Ensemble, choose_members
from neat_deep.store.run_store import RunStore
from neat_deep.training.fit import evaluate
from neat_deep.training.retraining import retrain, retraining_data


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("--size", type=int, default=5, help="networks that vote (default: %(default)s)")
    parser.add_argument("--epochs", type=int, help="over the run's [Training] epochs")
    parser.add_argument("--data-root", help="where the data lie now; over the run's [Data] root")
    parser.add_argument("--device", help="over the run's [Run] device")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Choose, train, vote."""
    options = parse(arguments)
    check_range("--size", options.size, low=1)
    with naming(options.run), RunStore.read(options.run) as store:
        folder = store.path.parent
        experiment = read_settings_text(store.fact("settings"))
        members = choose_members(store.candidates(), options.size)
        if not members:
            raise SearchError("no network of this run was trained in full")
        architectures = [store.architecture(row.digest) for row in members]
    with naming(options.run):
        dataset = load_dataset(override(experiment.data, options, {"data_root": "root"}))
        device = get_device(options.device or experiment.run.device)
    set_threads(experiment.run.threads)
    settings = experiment.training
    if options.epochs is not None:
        check_range("--epochs", options.epochs, low=1)
        settings = dataclasses.replace(settings, epochs=options.epochs)
    console = Console()
    trained = []
    for number, (row, architecture) in enumerate(zip(members, architectures, strict=True), start=1):
        trained.append(retrain(architecture, dataset, settings, device=device, seed=experiment.run.seed))
        trained[-1].save(folder / f"ensemble-{number}.pt")
        console.print(
            f"network {number} of {len(members)} (species {row.species}, {row.digest}): test accuracy "
            f"{100 * trained[-1].test.accuracy:.2f}%",
            highlight=False,
        )
    test = retraining_data(dataset, settings).read_test()
    voted = evaluate(Ensemble([one.network for one in trained]), test, device=device)
    single = trained[0]
    table = Table(title=f"{len(trained)} networks of {folder.name}")
    for heading in ("", "best in the search", "ensemble"):
        table.add_column(heading, justify="right")
    table.add_row("test accuracy", f"{100 * single.test.accuracy:.2f}%", f"{100 * voted.accuracy:.2f}%")
    table.add_row("parameters", f"{single.parameters:,}", f"{sum(one.parameters for one in trained):,}")
    table.add_row("multiply-accumulates", f"{single.macs:,}", f"{sum(one.macs for one in trained):,}")
    console.print(table)
    numbers = {
        "members": [row.digest for row in members],
        "member_accuracies": [one.test.accuracy for one in trained],
        "accuracy": voted.accuracy,
        "parameters": sum(one.parameters for one in trained),
        "macs": sum(one.macs for one in trained),
    }
    write_text(folder / "ensemble.json", json.dumps(numbers, indent=2) + "\n")
    number = len(trained) + 1
    while (stale := folder / f"ensemble-{number}.pt").is_file():
        stale.unlink()  # of a larger vote before this one
        number += 1
    console.print(f"written to {folder}: ensemble.json, ensemble-1.pt and so on", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    run_script(main)
