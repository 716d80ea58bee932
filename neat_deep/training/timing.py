"""How long a training takes on this machine: measured over a few steps, before it begins."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import statistics
import time
from typing import NamedTuple

import torch

from neat_deep.base.devices import computing_with, cores
from neat_deep.data import DataSpec, Split
from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture
from neat_deep.training.fit import Progress, fit
from neat_deep.training.settings import TrainingSettings


class ExampleSeconds(NamedTuple):
    """What one example takes, in training and in scoring; of images that grow, training takes the mean of the sizes."""

    training: float
    scoring: float


STEPS = 5  # that are timed, after one that is not: the first step of a network allocates its memory
PASS_SHARE = 0.4  # of a training step that a forward pass alone takes, at most
GAIN = 1.05  # all cores are worth it when they are so many times as fast as one


def seconds_per_example(
    architecture: Architecture, data: DataSpec, train: Split, settings: TrainingSettings, device: torch.device
) -> ExampleSeconds:
    """Measured over a few steps of a network that is thrown away."""

    def measured(sizes: tuple[int, ...]) -> float:
        alone = dataclasses.replace(settings, progressive_sizes=sizes)
        return _training_seconds(architecture, data, train, alone, device)

    own = measured(())
    first = [measured((size,)) for size in settings.progressive_sizes[:-1]]  # the last is the images' own
    return ExampleSeconds(statistics.mean([*first, own]), PASS_SHARE * own)


def _training_seconds(
    architecture: Architecture, data: DataSpec, train: Split, settings: TrainingSettings, device: torch.device
) -> float:
    """The median over the steps."""
    batch = min(settings.batch_size, len(train))
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    subset = train.subset(order[: (STEPS + 1) * batch])
    short = dataclasses.replace(settings, epochs=STEPS + 1, early_stopping=0, ema=0.0)  # a small split is passed again
    times: list[float] = []

    def note(_: Progress) -> None:
        times.append(time.perf_counter())
        if len(times) > STEPS:
            raise _EnoughError

    network = build_network(architecture, data, seed=0, train=subset)  # n-grams that know no word cost nothing
    with contextlib.suppress(_EnoughError):
        fit(network, subset, short, device=device, seed=0, on_step=note)
    steps = [after - before for before, after in itertools.pairwise(times)]
    return statistics.median(steps) / batch


def fastest_threads(
    architecture: Architecture, data: DataSpec, train: Split, settings: TrainingSettings, device: torch.device
) -> int:
    """The number of threads, one or one for each core, that trains a network faster on the CPU."""
    count = cores()
    if device.type != "cpu" or count == 1:
        return 1
    seconds = []
    for threads in (1, count):
        with computing_with(threads):
            seconds.append(seconds_per_example(architecture, data, train, settings, device).training)
    one, all_cores = seconds
    return count if one > GAIN * all_cores else 1


class _EnoughError(Exception):
    """The steps that are timed are done."""
