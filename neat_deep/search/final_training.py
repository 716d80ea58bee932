"""How many threads the final training of a run computes with: chosen once, and the same when the run is resumed."""

from __future__ import annotations

import torch

from neat_deep.config.run_settings import RunSettings
from neat_deep.data import Dataset
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from neat_deep.training.retraining import choose_threads
from neat_deep.training.settings import TrainingSettings

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
    threads = choose_threads(run.threads, int(stored or 0), architecture, dataset, training, device)
    if stored != str(threads):
        store.set_meta(THREADS, str(threads))
    return threads
