"""Training from scratch, with its progress and a line for each seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console

from neat_deep.data import Dataset
from neat_deep.reports.training_progress import TrainingReporter
from neat_deep.space.architecture import Architecture
from neat_deep.training.fit import Progress as TrainingProgress
from neat_deep.training.retraining import retrain
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.trained_file import Trained


def train_and_report(
    architecture: Architecture,
    dataset: Dataset,
    settings: TrainingSettings,
    *,
    device: torch.device,
    seed: int,
    repeats: int,
    folder: Path,
    console: Console,
    threads: int = 0,
    seconds: Callable[[int], float | None] = lambda _: None,
    on_epoch: Callable[[], None] = lambda: None,
) -> list[Trained]:
    """Train from scratch with `repeats` seeds, tell how it goes, and save the first network as `trained.pt`.

    `seconds` says how long one of so many remaining trainings may take, None for no limit; `on_epoch` is called as an
    epoch begins.
    """
    results = []
    epochs_seen: set[tuple[int, int]] = set()
    for repeat in range(repeats):
        with TrainingReporter(console, f"retraining {repeat + 1} of {repeats}") as reporter:

            def show(progress: TrainingProgress, reporter: TrainingReporter = reporter, repeat: int = repeat) -> None:
                if (repeat, progress.epoch) not in epochs_seen:
                    epochs_seen.add((repeat, progress.epoch))
                    on_epoch()
                reporter.show(progress)

            trained = retrain(
                architecture,
                dataset,
                settings,
                device=device,
                seed=seed + repeat,
                on_step=show,
                threads=threads,
                seconds=seconds(repeats - repeat),
            )
        console.print(
            f"retrained with seed {seed + repeat}: {_accuracy(trained)}  ({trained.seconds:.0f} s)",
            highlight=False,
        )
        if repeat == 0:
            trained.save(folder / "trained.pt")
        results.append(trained)
    return results


def _accuracy(trained: Trained) -> str:
    return "no test part" if trained.scored is None else f"test accuracy {100 * trained.scored.accuracy:.2f}%"
