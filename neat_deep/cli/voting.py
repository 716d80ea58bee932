"""Train the best networks of a run, from different species where there are, and let them vote."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from rich.table import Table

from neat_deep.base.checks import check_range
from neat_deep.base.devices import get_device, set_threads
from neat_deep.base.errors import ConfigError, SearchError
from neat_deep.base.files import check_writable, write_text
from neat_deep.base.screen import screen
from neat_deep.cli.options import Given
from neat_deep.cli.overrides import override_data
from neat_deep.cli.running import naming
from neat_deep.config.stored_settings import read_settings_text
from neat_deep.data import load_dataset
from neat_deep.reports.ensemble import choose_members
from neat_deep.reports.training_progress import TrainingReporter
from neat_deep.store.run_store import RunStore
from neat_deep.training.ensemble import VOTE, Ensemble, member_file
from neat_deep.training.fit import evaluate
from neat_deep.training.retraining import retrain, retraining_data

SIZE = 5  # networks that vote, where no option says how many


def train_ensemble(run: Path, given: Given) -> None:
    """Choose, train, vote; the networks stay in the run's folder. Raises `NeatDeepError`."""
    size = given.get("size", SIZE)
    check_range("--size", size, low=2)
    with naming(run), RunStore.read(run) as store:
        folder = store.path.parent
        experiment = read_settings_text(store.fact("settings"))
        members = choose_members(store.candidates(), size)
        if len(members) < 2:
            count = "one network alone" if members else "no network"
            raise SearchError(f"{count} of this run was trained in full; a vote takes 2 or more")
        architectures = [store.architecture(row.digest) for row in members]
    if "size" in given and len(members) < size:
        raise ConfigError(
            f"--size: got {size}, allowed for this run: 2 to {len(members)}, as many as were trained in full"
        )
    check_writable(folder)  # now, not after a training
    with naming("--device" if "device" in given else f"{run}: [Run] device"):
        device = get_device(given.get("device", experiment.run.device))
    with naming(run):
        dataset = load_dataset(override_data(experiment.data, given))
        if not dataset.has_test:
            raise SearchError(f"data set '{dataset.spec.name}': it has no test part, which a vote is compared on")
    set_threads(experiment.run.threads)
    settings = experiment.training
    if "epochs" in given:
        check_range("--epochs", given["epochs"], low=1)
        settings = dataclasses.replace(settings, epochs=given["epochs"])
    console = screen()
    trained = []
    for number, (row, architecture) in enumerate(zip(members, architectures, strict=True), start=1):
        name = f"network {number} of {len(members)}"
        with TrainingReporter(console, name) as reporter:
            seed = experiment.run.seed
            trained.append(retrain(architecture, dataset, settings, device=device, seed=seed, on_step=reporter.show))
        trained[-1].save(member_file(folder, number))
        console.print(
            f"{name} (species {row.species}, {row.digest}): test accuracy {100 * trained[-1].test.accuracy:.2f}%",
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
    write_text(folder / VOTE, json.dumps(numbers, indent=2) + "\n")
    number = len(trained) + 1
    while (stale := member_file(folder, number)).is_file():
        stale.unlink()  # of a larger vote before this one
        number += 1
    console.print(f"written to {folder}: ensemble.json, ensemble-1.pt and so on", highlight=False, soft_wrap=True)
