"""Activations and aggregations: functions without weights that work element by element."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from neat_deep.base.errors import unknown_name

Activation = Callable[[Tensor], Tensor]
Aggregation = Callable[[Tensor, Tensor], Tensor]


def _relu(x: Tensor) -> Tensor:
    return nn.functional.relu(x)


def _identity(x: Tensor) -> Tensor:
    return x


ACTIVATIONS: dict[str, Activation] = {
    "identity": _identity,
    "relu": _relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}

# The same, written over their input: nothing else may read that input again, not even a backward pass.
_OVERWRITING_ACTIVATIONS: dict[str, Activation] = {
    "relu": torch.relu_,
    "sigmoid": torch.sigmoid_,
    "tanh": torch.tanh_,
}

# `neat_deep.space.cell_graph.COMMUTATIVE_AGGREGATIONS` names those whose two inputs may be swapped.
AGGREGATIONS: dict[str, Aggregation] = {"add": torch.add, "mul": torch.mul}


def get_activation(name: str) -> Activation:
    """The activation called `name`: a function that keeps the shape; raises `UnknownNameError`."""
    if name not in ACTIVATIONS:
        raise unknown_name("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]


def get_aggregation(name: str) -> Aggregation:
    """The aggregation called `name`: two tensors of one shape to a third; raises `UnknownNameError`."""
    if name not in AGGREGATIONS:
        raise unknown_name("aggregation", name, AGGREGATIONS)
    return AGGREGATIONS[name]


def get_overwriting_activation(name: str) -> Activation:
    """The activation called `name`, written over its input where that is possible; raises `UnknownNameError`."""
    return _OVERWRITING_ACTIVATIONS.get(name) or get_activation(name)


def add_to_first(first: Tensor, second: Tensor) -> Tensor:
    """The sum, written over `first`, which nothing else may read again; a new tensor if their dtypes differ."""
    return first.add_(second) if first.dtype == second.dtype else first + second


def add_to_second(first: Tensor, second: Tensor) -> Tensor:
    """The sum, written over `second`, which nothing else may read again; a new tensor if their dtypes differ."""
    return add_to_first(second, first)
