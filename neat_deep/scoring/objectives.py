"""The registry of objectives: what a network is worth, as a function of its metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from neat_deep.base.registry import Registry, resolve

ObjectiveFunction = Callable[[Mapping[str, float]], float]


@dataclass(frozen=True)
class ObjectiveInfo:
    """An objective: more is better. `metrics` are those that it reads beside the usual ones."""

    name: str
    code: ObjectiveFunction | str
    metrics: tuple[str, ...] = ()
    summary: str = ""


OBJECTIVES: Registry[ObjectiveInfo] = Registry("objective")


def register_objective(
    name: str, *, metrics: tuple[str, ...] = (), summary: str = ""
) -> Callable[[ObjectiveFunction], ObjectiveFunction]:
    """Register a function of a network's metrics as the objective `name`, for `[Fitness] objective`."""

    def decorate(function: ObjectiveFunction) -> ObjectiveFunction:
        OBJECTIVES.add(ObjectiveInfo(name, function, tuple(metrics), summary))
        return function

    return decorate


@dataclass(frozen=True)
class Objective:
    """An objective of the registry, less the prices of a network's size and latency.

    The prices are what a million parameters, a million multiply-accumulates and a millisecond must be worth.
    """

    name: str
    parameter_price: float = 0.0
    mac_price: float = 0.0
    latency_price: float = 0.0

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that it needs beside those that are always measured."""
        priced = ("latency",) if self.latency_price else ()
        return tuple(dict.fromkeys((*OBJECTIVES.get(self.name).metrics, *priced)))

    def __call__(self, metrics: Mapping[str, float]) -> float:
        """What a network of these metrics is worth; raises what the objective raises, `ValueError` for no number."""
        function: Any = resolve(OBJECTIVES.get(self.name).code)
        value = float(function(metrics))
        value -= self.parameter_price * metrics["parameters"] / 1e6 + self.mac_price * metrics["macs"] / 1e6
        if self.latency_price:
            value -= self.latency_price * metrics["latency"]
        if not math.isfinite(value):
            raise ValueError(f"the objective '{self.name}' is {value}")
        return value


def accuracy(metrics: Mapping[str, float]) -> float:
    """The validation accuracy, 0..1."""
    return metrics["accuracy"]


def _value_of(metric: str) -> ObjectiveFunction:
    return lambda metrics: metrics[metric]


OBJECTIVES.add(ObjectiveInfo("accuracy", accuracy, summary="the validation accuracy, 0 to 1"))
for _name, _summary in (
    ("balanced_accuracy", "mean of the classes' own accuracies, 0 to 1"),
    ("macro_f1", "mean of the classes' F1 scores, 0 to 1"),
    ("nwot", "before training: how differently the ReLUs switch"),
    ("jacov", "before training: how little the gradients correlate"),
    ("synflow", "before training: flow through all weights"),
    ("zico", "before training: steady and large gradients"),
    ("gradient_norm", "before training: length of the gradient"),
):
    OBJECTIVES.add(ObjectiveInfo(_name, _value_of(_name), (_name,), _summary))


def training_speed(metrics: Mapping[str, float]) -> float:
    """How fast a network learns: the negative sum of its epochs' training losses (arXiv 2006.04492)."""
    return -metrics["loss_sum"]


OBJECTIVES.add(
    ObjectiveInfo("training_speed", training_speed, ("loss_sum",), "how fast it learns: training losses, summed")
)
