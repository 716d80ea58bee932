"""The registry of metrics: what is measured of a network that is trained on the search's budget, before or after."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neat_deep.base.registry import Registry, resolve

if TYPE_CHECKING:
    from torch import nn

    from neat_deep.data.spec import Batch, DataSpec, Split


@dataclass(frozen=True)
class Measured:
    """What a metric is computed from: a trained network in evaluation mode, on its device, and what is known of it.

    `validation` are the examples that it was scored on; `known` holds the metrics that were measured before, `accuracy`
    and `loss` always among them. `losses` are the mean training losses of its last stage's epochs: those of its rung.
    """

    network: nn.Module
    data: DataSpec
    validation: Split
    known: Mapping[str, float]
    losses: tuple[float, ...] = ()


@dataclass(frozen=True)
class Untrained:
    """What a metric of an untrained network is computed from: the network with its first weights.

    Its norms take the batch's statistics, as in training; dropout is off, which would make noise of every signal.
    `batch` is a part of the training examples, balanced by class, on the network's device. Nothing else uses this copy
    of the network, so a metric may change it.
    """

    network: nn.Module
    data: DataSpec
    batch: Batch


MetricFunction = Callable[[Measured], float] | Callable[[Untrained], float]


@dataclass(frozen=True)
class MetricInfo:
    """A metric. `code` is its function, or names it as `module:attribute`.

    One that is `untrained` is computed from an `Untrained` before the training, the others from a `Measured` after it.
    """

    name: str
    code: MetricFunction | str
    summary: str = ""
    untrained: bool = False


METRICS: Registry[MetricInfo] = Registry("metric")

# What every evaluation measures.
ALWAYS = ("accuracy", "loss", "parameters", "macs")
SIZES = ("parameters", "macs")  # of these, what a network has before any training


def register_metric(
    name: str, *, summary: str = "", untrained: bool = False
) -> Callable[[MetricFunction], MetricFunction]:
    """Register a function `Measured -> float`, or with `untrained` one `Untrained -> float`, as the metric `name`.

    `[Fitness] metrics` names those that are measured beside the usual ones, and an objective those that it needs.
    """

    def decorate(function: MetricFunction) -> MetricFunction:
        METRICS.add(MetricInfo(name, function, summary, untrained))
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
            values[name] = _compute(name, measured(values))
    return values


def measure_untrained(names: Sequence[str], network: nn.Module, data: DataSpec, batch: Batch) -> dict[str, float]:
    """Those of the metrics `names` that are `untrained`, each of a copy of `network`; raises `ValueError` as above."""
    return {
        name: _compute(name, Untrained(_as_measured(network), data, batch))
        for name in names
        if METRICS.get(name).untrained
    }


def _as_measured(network: nn.Module) -> nn.Module:
    """A copy whose norms and recurrent layers train (cuDNN has no backward pass of the latter otherwise), no more."""
    from torch.nn import RNNBase
    from torch.nn.modules.batchnorm import _BatchNorm

    copied = copy.deepcopy(network).eval()
    for module in copied.modules():
        if isinstance(module, RNNBase | _BatchNorm):
            module.train()
    return copied


def _compute(name: str, of: Measured | Untrained) -> float:
    function: Any = resolve(METRICS.get(name).code)
    value: float = function(of)
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"the metric '{name}' is {value!r}, allowed: a finite number")
    return value


for _name, _summary in (
    ("accuracy", "share of the validation examples that are classified rightly"),
    ("loss", "mean cross-entropy of the validation examples"),
    ("balanced_accuracy", "mean of the classes' own accuracies on the validation examples"),
    ("macro_f1", "mean of the classes' F1 scores on the validation examples"),
    ("parameters", "trainable weights"),
    ("macs", "multiply-accumulates of one example"),
    ("latency", "milliseconds for one example, by the clock"),
    ("loss_sum", "the epochs' mean training losses, summed: less for a network that learns fast"),
):
    METRICS.add(MetricInfo(_name, f"neat_deep.scoring.measurements:{_name}", _summary))

for _name, _summary in (
    ("gradient_norm", "before training: length of the loss's gradient"),
    ("nwot", "before training: how differently the ReLUs switch for different examples"),
    ("jacov", "before training: how little the examples' gradients correlate"),
    ("synflow", "before training: logarithm of the flow through all weights"),
    ("zico", "before training: how steady and large the gradients are"),
):
    METRICS.add(MetricInfo(_name, f"neat_deep.scoring.zero_cost:{_name}", _summary, untrained=True))
