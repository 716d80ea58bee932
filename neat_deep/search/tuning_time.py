"""The minutes of a tuning, shared out between its trials and the final training."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from neat_deep.base.errors import ConfigError
from neat_deep.base.memory import lacked_memory
from neat_deep.data import Dataset
from neat_deep.scoring.tuning import Choice
from neat_deep.search.time_plan import FINISH_SECONDS, LONGEST_SHARE, training_seconds
from neat_deep.training.retraining import retraining_data
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.timing import seconds_per_example


@dataclass(frozen=True)
class TuningTime:
    """When, by `time.time()`, the trials end and when all is done; without a promise of minutes both are None."""

    trials_end: float | None = None
    end: float | None = None

    def left_for_training(self, remaining: int) -> float | None:
        """Seconds that one of `remaining` final trainings may take, its score on the test set included."""
        return None if self.end is None else training_seconds(self.end - time.time(), remaining)


def plan_tuning(
    minutes: float,
    choices: Sequence[Choice],
    dataset: Dataset,
    training: TrainingSettings,
    *,
    repeats: int,
    device: torch.device,
    started: float,
) -> TuningTime:
    """The time of a tuning that began at `started`: `repeats` final trainings have what they take, trials the rest.

    What they take is at most half, but at least an epoch each. The pace is that of the widest choice. Raises
    `ConfigError`, with the least that would do, for minutes in which no epoch of the final training fits, or where that
    network cannot be trained.
    """
    largest = max((choice.architecture for choice in choices), key=lambda one: one.skeleton.channels)
    data = retraining_data(dataset, training)
    try:
        example = seconds_per_example(largest, data.spec, data.train, training, device)
    except Exception as error:
        if lacked_memory(error) is not None:
            raise
        raise ConfigError(
            f"--minutes: what a training takes cannot be measured, since the network with {largest.skeleton.channels} "
            f"channels raised {type(error).__name__}: {error}"
        ) from error
    epoch = example.training * len(data.train)
    test = example.scoring * (len(dataset.read_test()) if dataset.has_test else 0)
    start_up = time.time() - started
    needed = start_up + repeats * (epoch + test) + FINISH_SECONDS
    if 60 * minutes < needed:
        raise ConfigError(
            f"--minutes: got {minutes:g}, allowed: {math.ceil(needed / 6) / 10:.1f} or more (start-up took "
            f"{start_up:.0f} s, one epoch of the final training takes about {epoch:.0f} s)"
        )
    end = started + 60 * minutes
    least, whole = repeats * (epoch + test), repeats * (training.epochs * epoch + test)
    final = max(least, min(whole, LONGEST_SHARE * 60 * minutes))
    return TuningTime(end - FINISH_SECONDS - final, end)
