"""Choose the settings of a network's final training on the validation part, train with them, read the test set once."""

from __future__ import annotations

import dataclasses
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError, OutputError, SearchError, in_section
from neat_deep.base.files import make_folder, write_text
from neat_deep.base.locks import lock_file
from neat_deep.base.screen import screen
from neat_deep.base.shipped import OF_A_RUN, shipped_file
from neat_deep.cli.complete_run import tested_result
from neat_deep.cli.options import Given, retrainings_of
from neat_deep.cli.overrides import check_kind, load_inputs, override, override_run, read_settings
from neat_deep.cli.plan_of_run import OWN_INI, is_of_a_run, read_plan_of_run
from neat_deep.cli.results import (
    RESULT,
    data_figures,
    data_numbers,
    show_results,
    threads_figures,
    training_figures,
    training_numbers,
)
from neat_deep.cli.retraining import train_and_report
from neat_deep.cli.running import naming
from neat_deep.cli.train_architecture import DEFAULTS, check_training, name_of
from neat_deep.config.tuning_plan import TuningPlan, load_tuning_plan, tuning_plan_text
from neat_deep.data import Dataset
from neat_deep.reports.finalists import best_networks
from neat_deep.scoring.tuning import Choice, TuningTrial, draw_choices
from neat_deep.scoring.tuning_settings import SECTION
from neat_deep.search.tuning import RECORD, Tuning, prepare_tuning
from neat_deep.search.tuning_time import TuningTime, plan_tuning
from neat_deep.search.workers import plan_workers
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from neat_deep.training.retraining import choose_threads

ROWS = 5  # of the table of trials


def tune_architecture(source: Path, given: Given) -> None:
    """Try settings for the JSON file `source`, train with the best; raises `NeatDeepError`."""
    started = time.time()
    retrainings = retrainings_of(given)
    architectures = _networks(source, given)
    with shipped_file(DEFAULTS[architectures[0].skeleton.rank]) as shipped:
        config, plan = _read_plan(source, shipped, given)
        if "minutes" in given:
            override_run(plan.run, given)  # which checks them; the minutes of [Run] are those of a search
        with naming(config), in_section(SECTION):
            plan.tuning.ladder(plan.training.epochs)
        check_kind(source, architectures[0], plan.data.dataset)
        device, dataset = load_inputs(config, given, plan)
        check_training(source, architectures, config, plan.training, given, dataset.spec)
        with naming(config), in_section(SECTION):
            choices = draw_choices(architectures, plan.training, plan.tuning, dataset.spec, plan.run.seed)
    name = name_of(source)
    path = Path(given.get("out", Path("runs") / f"{name}_tuned"))
    if (
        prepare_tuning(choices, plan, dataset, path, device).is_complete
        and tested_result(path, retrainings) is not None
    ):
        screen().print(f"{path}: this tuning is done, its network trained and tested ({RESULT})", highlight=False)
        return
    plan_of_time = TuningTime()
    if "minutes" in given:
        plan_of_time = plan_tuning(
            given["minutes"], choices, dataset, plan.training, repeats=retrainings, device=device, started=started
        )
    with naming("--out"):
        folder = _folder(path)
    with closing(lock_file(folder / RECORD)):
        tuning = prepare_tuning(choices, plan, dataset, folder, device)  # now that no other process writes there
        _try_and_train(name, tuning, dataset, folder, plan_of_time, retrainings, device)


def _networks(source: Path, given: Given) -> list[Architecture]:
    """The networks to try: that of the file, or the best of the search in whose folder it lies."""
    count = given.get("networks", 1)
    check_range("--networks", count, low=1)
    if count == 1:
        return [Architecture.load(source)]
    if not is_of_a_run(source):
        raise ConfigError(f"--networks: got {count}, allowed for a file: 1; the folder of a search has more")
    with naming(f"--networks: got {count}"), RunStore.read(source.parent) as store:
        records = best_networks(store, count)
        if not records:
            raise SearchError(f"no network of {source.parent} was scored")
        if len(records) < count:
            raise ConfigError(f"the search in {source.parent} scored {len(records)}")
        return [store.architecture(record.digest) for record in records]


def _read_plan(source: Path, shipped: Path, given: Given) -> tuple[Path, TuningPlan]:
    """The settings with the options in place, and the file that messages name.

    They are those of `--config`, else those that the run was done with in whose folder the architecture lies, else the
    shipped ones.
    """
    config = given.get("config")
    if config is None and is_of_a_run(source):
        config = source.parent / OWN_INI
        plan = read_plan_of_run(source.parent, given)
    else:
        config = config or shipped
        plan = read_settings(config, given, load_tuning_plan)
    tuning = override(plan.tuning, given, {"trials": "trials"})
    training = override(plan.training, given, {"epochs": "epochs"})
    return config, dataclasses.replace(plan, tuning=tuning, training=training)


def _folder(path: Path) -> Path:
    """A folder that is new, empty, or that of a tuning; raises `OutputError`."""
    ours = RECORD, f"{RECORD}.lock"
    if path.is_dir() and any(path.iterdir()) and not any((path / name).is_file() for name in ours):
        raise OutputError(f"{path} holds something else, allowed: a new folder, or that of a tuning, which goes on")
    return make_folder(path)


def _try_and_train(
    name: str,
    tuning: Tuning,
    dataset: Dataset,
    folder: Path,
    plan_of_time: TuningTime,
    retrainings: int,
    device: torch.device,
) -> None:
    """Do what is missing of the trials and the final trainings, and report."""
    console = screen()
    workers = plan_workers(tuning.plan.run.workers, device, tuning.plan.run.ray_gpus)
    done = f", {len(tuning.record.trials)} trials are done" if tuning.record.trials else ""
    console.print(
        f"tuning {name} on {dataset.spec.name}, {device}: {len(tuning.choices)} combinations of network and settings, "
        f"{', '.join(map(str, tuning.tuner.epochs))} epochs{done}; {workers.note}; traces in {folder}",
        highlight=False,
        soft_wrap=True,
    )
    if dataset.note:
        console.print(dataset.note, highlight=False, soft_wrap=True)
    for done_now in tuning.run(workers, plan_of_time.trials_end):
        console.print(_line(tuning, done_now), highlight=False, soft_wrap=True)
    choice, trial = _winner(tuning, plan_of_time, console)
    training = choice.training(tuning.plan.training)
    choice.architecture.save(folder / OF_A_RUN[0])
    write_text(folder / OWN_INI, tuning_plan_text(dataclasses.replace(tuning.plan, training=training)))
    asked, before = tuning.plan.run.threads, tuning.record.threads
    tuning.record.keep_threads(choose_threads(asked, before, choice.architecture, dataset, training, device))
    trained = train_and_report(
        choice.architecture,
        dataset,
        training,
        device=device,
        seed=tuning.plan.run.seed,
        repeats=retrainings,
        folder=folder,
        console=console,
        threads=tuning.record.threads,
        seconds=plan_of_time.left_for_training,
    )
    figures = {
        **data_figures(dataset),
        "chosen": _chosen(choice),
        "validation accuracy of the choice": _outcome(trial),
        **training_figures(trained),
        **threads_figures(tuning.record.threads, device),
        "seconds of trials": f"{sum(one.seconds for one in tuning.record.trials):.0f}",
    }
    numbers = {**data_numbers(dataset), **training_numbers(trained), **_tuning_numbers(tuning, choice, trial)}
    show_results(f"{name} tuned on {dataset.spec.name}", figures, numbers, folder, console)


def _tuning_numbers(tuning: Tuning, choice: Choice, trial: TuningTrial | None) -> dict[str, Any]:
    """What was chosen, and what that cost, for programs."""
    trials = tuning.record.trials
    return {
        "training_threads": tuning.record.threads,
        "learning_rate": choice.learning_rate,
        "weight_decay": choice.weight_decay,
        "channels": choice.architecture.skeleton.channels,
        "network": choice.architecture.digest(),
        "validation_accuracy": None if trial is None else trial.accuracy,
        "trials": len(trials),
        "trials_complete": tuning.is_complete,
        "samples": sum(one.samples for one in trials),
        "seconds_of_trials": sum(one.seconds for one in trials),
    }


def _winner(tuning: Tuning, plan_of_time: TuningTime, console: Console) -> tuple[Choice, TuningTrial | None]:
    """The best choice; the first network as it is where the time was too short for any trial.

    Raises `SearchError` where every training failed.
    """
    best = tuning.best()
    if best is not None:
        console.print(_trials_table(tuning))
        return best
    if plan_of_time.end is not None and not tuning.record.trials:
        console.print("the time is too short for a trial: the settings stay as they are", highlight=False)
        return tuning.choices[0], None
    raise SearchError("every training failed (see above)")


def _line(tuning: Tuning, trial: TuningTrial) -> str:
    outcome = trial.status if trial.has_failed else f"{100 * trial.accuracy:.2f}%"
    return f"{trial.epochs} epochs, {_chosen(tuning.choices[trial.choice])}: {outcome}  ({trial.seconds:.0f} s)"


def _outcome(trial: TuningTrial | None) -> str:
    return "not tried" if trial is None else f"{100 * trial.accuracy:.2f}% ({trial.epochs} epochs)"


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
    ranked = sorted(tuning.record.trials, key=lambda one: (-one.rung, one.has_failed, -one.objective, one.loss))
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
