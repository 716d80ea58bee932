"""Activations and aggregations as functions without weights, which work element by element."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from neat_deep.base.registry import resolve
from neat_deep.ops.registry import ACTIVATIONS, Activation
from neat_deep.space.aggregations import AGGREGATIONS

Aggregation = Callable[[Tensor, Tensor], Tensor]


def identity(x: Tensor) -> Tensor:
    """`x` itself."""
    return x


def get_activation(name: str) -> Activation:
    """The activation called `name`: a function that keeps the shape; raises `UnknownNameError`."""
    function: Activation = ACTIVATIONS.load(name)
    return function


def get_aggregation(name: str) -> Aggregation:
    """The aggregation called `name`: two tensors of one shape to a third; raises `UnknownNameError`."""
    function: Aggregation = AGGREGATIONS.load(name)
    return function


def get_overwriting_activation(name: str) -> Activation:
    """The activation called `name`, written over its input where that is possible; raises `UnknownNameError`.

    Nothing else may read that input again, not even a backward pass.
    """
    overwriting = ACTIVATIONS.get(name).overwriting
    if overwriting is None:
        return get_activation(name)
    function: Activation = resolve(overwriting)
    return function


def add_to_first(first: Tensor, second: Tensor) -> Tensor:
    """The sum, written over `first`, which nothing else may read again; a new tensor if their dtypes differ."""
    return first.add_(second) if first.dtype == second.dtype else first + second


def add_to_second(first: Tensor, second: Tensor) -> Tensor:
    """The sum, written over `second`, which nothing else may read again; a new tensor if their dtypes differ."""
    return add_to_first(second, first)
