"""The registry of aggregations: what a node makes of its two inputs. Functions are imported when they are used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from neat_deep.base.registry import Registry

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class AggregationInfo:
    """A registered aggregation: `code` is a function of two tensors, or where it stands as `module:attribute`.

    If it is `commutative`, its two inputs may be swapped, so that graphs which differ in that alone are one network.
    `summary` says in a line what it does. With `neutral` as one of its inputs it returns the other one, exactly; an
    aggregation without such a value (None) can have no gated edges.
    """

    name: str
    code: Callable[..., Any] | str
    commutative: bool
    summary: str
    neutral: float | None = None


AGGREGATIONS: Registry[AggregationInfo] = Registry("aggregation")


def register_aggregation(
    name: str, *, commutative: bool = False, summary: str = "", neutral: float | None = None
) -> Callable[[Function], Function]:
    """Register a torch function of two tensors of one shape, which returns a third, as the aggregation `name`.

    Say `commutative` only if swapping the inputs changes nothing, not even the rounding. `neutral` is the number that,
    as either input, makes it return the other one; network morphism needs it. Raises `ConfigError` for a name that is
    taken or cannot stand in an INI list.
    """

    def decorate(function: Function) -> Function:
        AGGREGATIONS.add(AggregationInfo(name, function, commutative, summary, neutral))
        return function

    return decorate


def is_commutative(name: str) -> bool:
    """Whether an aggregation's inputs may be swapped.

    One that is not registered counts as order-sensitive: at worst two equal networks then get two digests, never two
    different networks one.
    """
    return name in AGGREGATIONS and AGGREGATIONS.get(name).commutative


def neutral_value(name: str) -> float | None:
    """The value that, as one input of an aggregation, makes it return the other one; None where there is none.

    One that is not registered counts as one without.
    """
    return AGGREGATIONS.get(name).neutral if name in AGGREGATIONS else None


for _info in (
    AggregationInfo("add", "torch:add", True, "the sum of both inputs", 0.0),
    AggregationInfo("mul", "torch:mul", True, "the product of both inputs, as a gate", 1.0),
):
    AGGREGATIONS.add(_info)
