"""The experiment from a command line to its table: say what it costs, do what is left, write what it came to."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from neat_deep.base.checks import check_range
from neat_deep.base.devices import cores, get_device
from neat_deep.base.errors import ConfigError
from neat_deep.base.files import write_text
from neat_deep.base.screen import screen
from neat_deep.cli.options import Given
from neat_deep.cli.published.cost import Seconds, measure_costs, minutes_on
from neat_deep.cli.published.folder import CONFIGS, ExperimentFolder, check_folder, check_place, opened
from neat_deep.cli.published.made_data import make_data
from neat_deep.cli.published.outcome import Outcome
from neat_deep.cli.published.plan import Step, make_plan
from neat_deep.cli.published.runner import Runner
from neat_deep.cli.published.scale import Scale
from neat_deep.cli.published.scales import get_scale
from neat_deep.cli.published.task import Where
from neat_deep.cli.published.texts import ini_texts
from neat_deep.cli.published.watching import StepReporter, cost_table
from neat_deep.cli.published.work import perform, perform_beside
from neat_deep.cli.running import naming
from neat_deep.scoring.executors import WorkerPool

SEED = 1  # as the shipped INI files have it
THREADS = 1  # of a step that runs beside others


@dataclass(frozen=True)
class Experiment:
    """What a command line asks for."""

    scale: Scale
    seed: int
    plan: tuple[Step, ...]
    path: Path
    data_root: str | None
    device: str

    def where(self, folder: ExperimentFolder) -> Where:
        """Where the data are; those that the program makes are in the experiment's folder."""
        made_folders = {part.name: folder.made(part.name) for part in self.scale.data_parts() if part.made}
        return Where(self.data_root, self.device, made_folders)


def reproduce(scale: str, given: Given, *, out: Path | None = None, dry_run: bool = False) -> None:
    """Do the experiment at a scale, or resume it in the folder `out`; a `dry_run` only prints what it would cost.

    Raises `NeatDeepError` for what the user can mend, before anything is written.
    """
    experiment = _read(scale, given, out)
    if experiment.data_root is not None and not any(part.reads_root for part in experiment.scale.data_parts()):
        raise ConfigError(
            f"--data-root: got {experiment.data_root}, allowed with --scale {scale}: none, it reads no folder"
        )
    texts, console = ini_texts(experiment.scale), screen()
    identity = experiment.path, experiment.scale.name, experiment.seed, texts
    is_begun = check_folder(*identity)
    if not dry_run:
        check_place(experiment.path)
    seconds: Seconds = {}
    if dry_run or not is_begun:  # nothing is written in its folder before all that it needs is checked
        with tempfile.TemporaryDirectory() as beside:
            for name, text in texts.items():
                write_text(Path(beside) / CONFIGS / name, text)
            remaining = _remaining_steps(experiment, ExperimentFolder(experiment.path))
            seconds = _print_costs(experiment, remaining, ExperimentFolder(Path(beside)), console)
    if dry_run:
        return
    with opened(*identity) as folder:
        remaining = _remaining_steps(experiment, folder)
        if is_begun and remaining:
            seconds = _print_costs(experiment, remaining, folder, console)
        _do(experiment, remaining, seconds, folder, console)


def _read(name: str, given: Given, out: Path | None) -> Experiment:
    with naming("--scale"):
        scale = get_scale(name)
    seed = given.get("seed", SEED)
    trainings, transfers = given.get("trainings", scale.trainings), given.get("transfers", scale.transfers)
    check_range("--seed", seed, low=0, high=2**62)
    check_range("--trainings", trainings, low=1)
    check_range("--transfers", transfers, low=1)
    device = given.get("device", "auto")
    with naming("--device"):
        get_device(device)
    return Experiment(
        scale,
        seed,
        make_plan(scale, seed=seed, trainings=trainings, transfers=transfers),
        out or Path("runs") / f"reproduce_{scale.name}",
        given.get("data_root"),
        device,
    )


def _remaining_steps(experiment: Experiment, folder: ExperimentFolder) -> list[Step]:
    return [step for step in experiment.plan if folder.result(step) is None]


def _do(
    experiment: Experiment, remaining: Sequence[Step], seconds: Seconds, folder: ExperimentFolder, console: Console
) -> None:
    """Do the remaining steps, and show the results of all."""
    outcome = Outcome(experiment.scale, experiment.seed, experiment.plan, folder)
    if remaining:
        _make_data(experiment, folder)
        workers = _workers(experiment.device)
        pool = WorkerPool(perform_beside, workers, THREADS)
        reporter = StepReporter(console, experiment.plan, remaining, seconds, workers)
        try:
            with closing(pool), reporter:
                runner = Runner(folder, experiment.where(folder), perform, pool, (reporter, outcome))
                runner.run(experiment.plan)
        except KeyboardInterrupt:
            console.print("what is done is kept; the same command goes on", soft_wrap=True)
            raise
    outcome.show(console)


def _make_data(experiment: Experiment, folder: ExperimentFolder) -> None:
    for part in experiment.scale.data_parts():
        if part.made and not folder.made(part.name).is_dir():
            make_data(part.name, folder.made(part.name))


def _workers(device: str) -> int:
    """Steps that run side by side: one on each core, or on each accelerator."""
    import torch

    return cores() if get_device(device).type == "cpu" else max(1, torch.cuda.device_count())


def _print_costs(
    experiment: Experiment, remaining: Sequence[Step], folder: ExperimentFolder, console: Console
) -> Seconds:
    """Print the remaining steps, and how long they take here, which a short measurement estimates."""
    done = len(experiment.plan) - len(remaining)
    console.print(
        f"the published experiment, scale {experiment.scale.name} ({experiment.scale.summary}), "
        f"seed {experiment.seed}, in {experiment.path}: {len(experiment.plan)} steps, {done} done",
        highlight=False,
        soft_wrap=True,
    )
    started = time.monotonic()
    _make_data(experiment, folder)
    with console.status("measuring") as status:
        seconds = measure_costs(
            remaining,
            experiment.scale.blocks(),
            folder,
            experiment.where(folder),
            lambda what: status.update(f"measuring {what}"),
        )
    workers = _workers(experiment.device)
    console.print(cost_table(experiment.plan, remaining, seconds))
    console.print(
        f"about {minutes_on(workers, remaining, seconds):.1f} minutes here, {workers} steps at a time (measured in "
        f"{time.monotonic() - started:.0f} s)",
        highlight=False,
        soft_wrap=True,
    )
    return seconds
