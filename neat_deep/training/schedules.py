"""How the learning rate rises and falls along a training.

A schedule is a function of a step's place: the shares (0..1) of the training that lie behind when the step starts and
when it ends. `warmup` is the share in which the rate rises. It returns the share of the peak learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[float, float, float], float]  # (start, end, warmup)


def one_cycle(start: float, _: float, warmup: float) -> float:
    """Half a cosine from 1/25 up to 1, then one down to 0 (Smith and Topin, arXiv 1708.07120).

    Read at the start of the step, where it is never 0.
    """
    if start < warmup:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * (start / warmup))) / 2
    return _half_cosine((start - warmup) / (1 - warmup))


def cosine(start: float, end: float, warmup: float) -> float:
    """Linear warm-up, then half a cosine to 0 (Loshchilov and Hutter, arXiv 1608.03983, eq. 5, one period).

    Read in the middle of the step: the curve is 0 at both of its ends, and a step at learning rate 0 would be lost.
    """
    middle = (start + end) / 2
    if middle < warmup:
        return middle / warmup
    return _half_cosine((middle - warmup) / (1 - warmup))


def constant(*_: float) -> float:
    """The peak learning rate from the first step to the last."""
    return 1.0


def _half_cosine(share: float) -> float:
    """From 1 at `share` 0 down to 0 at `share` 1."""
    return (1 + math.cos(math.pi * share)) / 2


SCHEDULES: dict[str, Schedule] = {"one_cycle": one_cycle, "cosine": cosine, "constant": constant}
