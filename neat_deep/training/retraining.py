"""From an architecture to a trained network and its score on the untouched test set."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import torch

from neat_deep.base.devices import computing_with
from neat_deep.base.errors import ConfigError
from neat_deep.base.randomness import derive_seed
from neat_deep.data import Dataset
from neat_deep.networks.cost import count_macs, count_parameters
from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture
from neat_deep.training.fit import Progress, evaluate, fit
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.timing import fastest_threads, seconds_per_example
from neat_deep.training.trained_file import Trained


def retrain(
    architecture: Architecture,
    dataset: Dataset,
    settings: TrainingSettings,
    *,
    device: torch.device,
    seed: int,
    on_step: Callable[[Progress], None] | None = None,
    threads: int = 0,
    seconds: float | None = None,
) -> Trained:
    """Train from scratch on train and validation together, then score the test set once, where there is one.

    With early stopping the validation part stops the training instead of adding to it. `threads` are those of the CPU
    (0: as they are). With `seconds` the training has as many epochs as fit into them, at most those of the settings and
    at least one, with the schedule shaped for them; the score on the test set is within that time too.
    """
    with computing_with(threads):
        return _retrain(architecture, dataset, settings, device, seed, on_step, seconds)


def _retrain(
    architecture: Architecture,
    dataset: Dataset,
    settings: TrainingSettings,
    device: torch.device,
    seed: int,
    on_step: Callable[[Progress], None] | None,
    seconds: float | None,
) -> Trained:
    started = time.perf_counter()
    stopping = settings.early_stopping > 0
    dataset = retraining_data(dataset, settings)
    weights_seed = derive_seed(seed, "weights")
    network = build_network(architecture, dataset.spec, seed=weights_seed, vectors=dataset.vectors, train=dataset.train)
    # Read before the training, so that a damaged file costs none; scored once, after it.
    test_examples = dataset.read_test() if dataset.has_test else None
    seconds_left = None
    if seconds is not None:
        example = seconds_per_example(architecture, dataset.spec, dataset.train, settings, device)
        tested = 0 if test_examples is None else len(test_examples)
        seconds_left = seconds - (time.perf_counter() - started) - example.scoring * tested
        epochs = int(seconds_left / (example.training * len(dataset.train)))
        settings = dataclasses.replace(settings, epochs=max(1, min(settings.epochs, epochs)))
        seconds_left = max(seconds_left, 0.1)  # late already: one step, and the score
    report = fit(
        network,
        dataset.train,
        settings,
        device=device,
        seed=derive_seed(seed, "training"),
        validation=dataset.validation if stopping else None,
        on_step=on_step,
        seconds=seconds_left,
    )
    scored = None if test_examples is None else evaluate(network, test_examples, device=device)
    return Trained(
        network,
        architecture,
        dataset.spec,
        scored,
        count_parameters(network),
        count_macs(network, dataset.spec),
        report.seconds,
        dataset.encoding,
    )


def choose_threads(
    asked: int,
    before: int,
    architecture: Architecture,
    dataset: Dataset,
    settings: TrainingSettings,
    device: torch.device,
) -> int:
    """The threads of a final training: those `asked` for, else those of `before` (0: none), else the faster number.

    A run keeps them, since another number rounds differently.
    """
    if asked or before:
        return asked or before
    final_data = retraining_data(dataset, settings)
    return fastest_threads(architecture, final_data.spec, final_data.train, settings, device)


def retraining_data(dataset: Dataset, settings: TrainingSettings) -> Dataset:
    """What `retrain` trains and tests on: the data set as it is for early stopping, else all of it to train on.

    Raises `ConfigError` for early stopping by examples that train.
    """
    if settings.early_stopping and dataset.validation_trains:
        raise ConfigError(
            f"early_stopping: got {settings.early_stopping}, allowed for a data set whose validation part trains: 0"
        )
    return dataset if settings.early_stopping else dataset.for_retraining()
