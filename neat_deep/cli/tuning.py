"""Choose the settings of a network's final training on the validation part, train with them, read the test set once."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from neat_deep.base.checks import check_range
from neat_deep.base.devices import set_threads
from neat_deep.base.errors import in_section
from neat_deep.base.files import make_folder, write_text
from neat_deep.base.locks import lock_file
from neat_deep.base.screen import screen
from neat_deep.base.shipped import OF_A_RUN, shipped_file
from neat_deep.cli.options import Given, retrainings_of
from neat_deep.cli.overrides import load_inputs, override, override_run, place_of, read_settings
from neat_deep.cli.results import RESULT, data_figures, data_numbers, show_results, training_figures, training_numbers
from neat_deep.cli.retraining import train_and_report
from neat_deep.cli.running import naming
from neat_deep.cli.train_architecture import DEFAULTS
from neat_deep.config.experiment_file import TuningPlan, load_tuning_plan
from neat_deep.config.ini import write_sections
from neat_deep.data import Dataset
from neat_deep.networks.network import build_network
from neat_deep.networks.suitability import check_augmentation, check_frozen_vectors, check_skeleton
from neat_deep.reports.finalists import best_networks
from neat_deep.scoring.tuning import Choice, TuningTrial, draw_choices
from neat_deep.scoring.tuning_settings import SECTION
from neat_deep.search.tuning import RECORD, Tuning, prepare_tuning
from neat_deep.search.workers import plan_workers
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore

OF_A_SEARCH = "experiment.ini"  # what a search keeps of the file that it was begun with
TRIALS_SHARE = 0.6  # of --minutes; the final training has the rest
ROWS = 5  # of the table of trials


def tune_architecture(source: Path, given: Given) -> None:
    """Try settings for the JSON file `source`, train with the best; raises `NeatDeepError`."""
    started = time.time()
    retrainings = retrainings_of(given)
    architectures = _networks(source, given)
    own = source.parent / OF_A_SEARCH
    with shipped_file(DEFAULTS[architectures[0].skeleton.rank]) as shipped:
        default = own if source.name in OF_A_RUN and own.is_file() else shipped
        config = given.get("config", default)
        plan = read_settings(config, given, load_tuning_plan)
        plan = _with_options(plan, given)
        _tune(source, architectures, config, plan, given, retrainings, started)


def _networks(source: Path, given: Given) -> list[Architecture]:
    """The networks to try: that of the file, or the best of the search in whose folder it lies."""
    count = given.get("networks", 1)
    check_range("--networks", count, low=1)
    if count == 1:
        return [Architecture.load(source)]
    with naming(f"--networks: got {count}"), RunStore.read(source.parent) as store:
        return [store.architecture(record.digest) for record in best_networks(store, count)]


def _with_options(plan: TuningPlan, given: Given) -> TuningPlan:
    """What the options say of the trainings and the time, in place."""
    tuning = override(plan.tuning, given, {"trials": "trials"})
    training = override(plan.training, given, {"epochs": "epochs"})
    run = override_run(plan.run, given)
    plan = dataclasses.replace(plan, tuning=tuning, training=training, run=run)
    with in_section(SECTION):
        tuning.ladder(training.epochs)
    return plan


def _tune(
    source: Path,
    architectures: Sequence[Architecture],
    config: Path,
    plan: TuningPlan,
    given: Given,
    retrainings: int,
    started: float,
) -> None:
    set_threads(plan.run.threads)
    device, dataset = load_inputs(config, given, plan)
    with naming(source):
        for architecture in architectures:
            check_skeleton(architecture.skeleton, dataset.spec)
            build_network(architecture, dataset.spec, seed=0)  # its ops are known and suit the data
    with naming(config), in_section("Training"):
        check_augmentation(plan.training.augmentation, dataset.spec)
        check_frozen_vectors(plan.training.frozen_vectors, dataset.spec)
    with naming(config), in_section(SECTION):
        choices = draw_choices(architectures, plan.training, plan.tuning, dataset.spec, plan.run.seed)
    name = source.resolve().parent.name if source.name in OF_A_RUN else source.stem
    with naming(place_of(config, given, "[Run] out", "out")):
        folder = make_folder(given.get("out", Path("runs") / f"{name}_tuned"))
    with closing(lock_file(folder / RECORD)):
        tuning = prepare_tuning(choices, plan, dataset, folder, device)
        _try_and_train(name, tuning, dataset, folder, given, retrainings, started, device)


def _try_and_train(
    name: str,
    tuning: Tuning,
    dataset: Dataset,
    folder: Path,
    given: Given,
    retrainings: int,
    started: float,
    device: torch.device,
) -> None:
    console = screen()
    if (folder / RESULT).is_file():
        console.print(f"{folder}: this tuning is done, its network trained and tested ({RESULT})", highlight=False)
        return
    minutes = given.get("minutes")
    deadline = None if minutes is None else started + 60 * minutes * TRIALS_SHARE
    workers = plan_workers(tuning.plan.run.workers, device)
    done = f", {len(tuning.record.trials)} trials are done" if tuning.record.trials else ""
    console.print(
        f"tuning {name} on {dataset.spec.name}, {device}: {len(tuning.choices)} combinations of network and settings, "
        f"{', '.join(map(str, tuning.epochs))} epochs{done}; {workers.note}; traces in {folder}",
        highlight=False,
        soft_wrap=True,
    )
    if dataset.note:
        console.print(dataset.note, highlight=False, soft_wrap=True)
    for trial in tuning.run(workers, deadline):
        console.print(_line(tuning, trial), highlight=False, soft_wrap=True)
    choice, trial = tuning.winner()
    console.print(_trials_table(tuning))
    training = choice.training(tuning.plan.training)
    choice.architecture.save(folder / "best.json")
    write_text(folder / "tuned.ini", write_sections({"Training": training}))
    trained = train_and_report(
        choice.architecture,
        dataset,
        training,
        device=device,
        seed=tuning.plan.run.seed,
        repeats=retrainings,
        folder=folder,
        console=console,
        seconds=lambda left: None if minutes is None else max(1.0, (started + 60 * minutes - time.time()) / left),
    )
    figures = {
        **data_figures(dataset),
        "chosen": _chosen(choice),
        "validation accuracy of the choice": f"{100 * trial.accuracy:.2f}% ({trial.epochs} epochs)",
        **training_figures(trained),
        "seconds of trials": f"{sum(one.seconds for one in tuning.record.trials):.0f}",
    }
    numbers: dict[str, Any] = {
        **data_numbers(dataset),
        **training_numbers(trained),
        "learning_rate": choice.learning_rate,
        "weight_decay": choice.weight_decay,
        "channels": choice.architecture.skeleton.channels,
        "network": choice.architecture.digest(),
        "validation_accuracy": trial.accuracy,
        "trials": len(tuning.record.trials),
        "samples": sum(one.samples for one in tuning.record.trials),
        "whole_seconds": time.time() - started,
    }
    show_results(f"{name} tuned on {dataset.spec.name}", figures, numbers, folder, console)


def _line(tuning: Tuning, trial: TuningTrial) -> str:
    outcome = trial.status if trial.has_failed else f"{100 * trial.accuracy:.2f}%"
    return f"{trial.epochs} epochs, {_chosen(tuning.choices[trial.choice])}: {outcome}  ({trial.seconds:.0f} s)"


def _chosen(choice: Choice) -> str:
    return (
        f"learning rate {choice.learning_rate:.3g}, weight decay {choice.weight_decay:.3g}, "
        f"{choice.architecture.skeleton.channels} channels"
    )


def _trials_table(tuning: Tuning) -> Table:
    """The best trials, the longest first."""
    table = Table(title="the best trials")
    for heading in ("network", "channels", "learning rate", "weight decay", "epochs", "validation accuracy"):
        table.add_column(heading, justify="right")
    ranked = sorted(tuning.record.trials, key=lambda one: (-one.rung, one.has_failed, -one.accuracy, one.loss))
    for trial in ranked[:ROWS]:
        choice = tuning.choices[trial.choice]
        table.add_row(
            choice.architecture.cell.digest()[:8],
            str(choice.architecture.skeleton.channels),
            f"{choice.learning_rate:.3g}",
            f"{choice.weight_decay:.3g}",
            str(trial.epochs),
            "failed" if trial.has_failed else f"{100 * trial.accuracy:.2f}%",
        )
    return table
