"""How many threads the final training of a run computes with: chosen once, and the same when the run is resumed."""

from __future__ import annotations

import torch

from neat_deep.config.run_settings import RunSettings
from neat_deep.data import Dataset
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from neat_deep.training.retraining import retraining_data
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.timing import fastest_threads

THREADS = "training_threads"  # the entry of a store's meta


def training_threads(
    store: RunStore,
    architecture: Architecture,
    dataset: Dataset,
    training: TrainingSettings,
    run: RunSettings,
    device: torch.device,
) -> int:
    """The number that `[Run] threads` asks for, else the one that the run used before, else the faster one.

    It is kept in the store, since another number rounds differently.
    """
    stored = store.meta().get(THREADS)
    if run.threads:
        threads = run.threads
    elif stored is not None:
        threads = int(stored)
    else:
        final_data = retraining_data(dataset, training)
        threads = fastest_threads(architecture, final_data.spec, final_data.train, training, device)
    if stored != str(threads):
        store.set_meta(THREADS, str(threads))
    return threads
