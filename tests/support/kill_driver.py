"""A digits search with real training, rungs and inheritance, in a process of its own: to be killed and resumed.

python kill_driver.py FOLDER WORKERS
"""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from neat_deep.config.experiment_file import Experiment, load_experiment
from neat_deep.data import load_dataset
from neat_deep.search.evolve import evolve
from neat_deep.space.architecture import Skeleton

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "digits_neat.ini"


def experiment(workers: str) -> Experiment:
    """Small, but with everything on."""
    loaded = load_experiment(CONFIG)
    loaded.neat.pop_size = 8
    fitness = replace(loaded.fitness, train_subset=300, epochs=4, rungs=(1, 2), inherit=True, channels=4)
    return replace(
        loaded,
        network=Skeleton(channels=4, cells=1),
        fitness=fitness,
        run=replace(loaded.run, generations=4, device="cpu", threads=1, workers=workers),
    )


def search(folder: Path, workers: str) -> None:
    """Start the run in `folder`, or go on with it."""
    asked = experiment(workers)
    resume = (folder / "run.sqlite").exists()
    evolve(asked, load_dataset(asked.data), folder, Console(file=io.StringIO()), resume=resume)


if __name__ == "__main__":
    search(Path(sys.argv[1]), sys.argv[2])
