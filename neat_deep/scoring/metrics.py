"""The registry of metrics: what is measured of a network that was trained on the search's budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neat_deep.base.registry import Registry, resolve

if TYPE_CHECKING:
    from torch import nn

    from neat_deep.data.spec import DataSpec, Split


@dataclass(frozen=True)
class Measured:
    """What a metric is computed from: a trained network in evaluation mode, on its device, and what is known of it.

    `validation` are the examples that it was scored on; `known` holds the metrics that were measured before, `accuracy`
    and `loss` always among them.
    """

    network: nn.Module
    data: DataSpec
    validation: Split
    known: Mapping[str, float]


MetricFunction = Callable[[Measured], float]


@dataclass(frozen=True)
class MetricInfo:
    """A metric. `code` is its function, or names it as `module:attribute`."""

    name: str
    code: MetricFunction | str
    summary: str = ""


METRICS: Registry[MetricInfo] = Registry("metric")

# What every evaluation measures.
ALWAYS = ("accuracy", "loss", "parameters", "macs")


def register_metric(name: str, *, summary: str = "") -> Callable[[MetricFunction], MetricFunction]:
    """Register a function `Measured -> float` as the metric `name`.

    `[Fitness] metrics` names those that are measured beside the usual ones, and an objective those that it needs.
    """

    def decorate(function: MetricFunction) -> MetricFunction:
        METRICS.add(MetricInfo(name, function, summary))
        return function

    return decorate


def measure(
    names: Sequence[str], known: Mapping[str, float], measured: Callable[[Mapping[str, float]], Measured]
) -> dict[str, float]:
    """The metrics `known`, and those of `names` that are not among them.

    `measured` wraps what is known so far for the next one. Raises `ValueError` for a metric that is no finite number.
    """
    values = dict(known)
    for name in names:
        if name not in values:
            function: Any = resolve(METRICS.get(name).code)
            value = function(measured(values))
            if not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"the metric '{name}' is {value!r}, allowed: a finite number")
            values[name] = value
    return values


for _name, _summary in (
    ("accuracy", "share of the validation examples that are classified rightly"),
    ("loss", "mean cross-entropy of the validation examples"),
    ("balanced_accuracy", "mean of the classes' own accuracies on the validation examples"),
    ("macro_f1", "mean of the classes' F1 scores on the validation examples"),
    ("parameters", "trainable weights"),
    ("macs", "multiply-accumulates of one example"),
    ("latency", "milliseconds for one example, by the clock"),
):
    METRICS.add(MetricInfo(_name, f"neat_deep.scoring.measurements:{_name}", _summary))
