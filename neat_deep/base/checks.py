"""Checks that settings dataclasses run on themselves, so that an INI file and a Python caller meet the same bounds."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from neat_deep.base.errors import ConfigError


def check_range(
    key: str,
    value: float,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    above: float = -math.inf,
) -> None:
    """Raise `ConfigError` unless `low <= value <= high` and `value > above`; NaN and infinity never pass."""
    finite = isinstance(value, int) or math.isfinite(value)  # a whole number may be too large to ask for that
    if finite and low <= value <= high and value > above:
        return
    if math.isinf(low) and math.isinf(high) and math.isinf(above):
        allowed = "a finite number"
    elif not math.isinf(above):
        allowed = f"more than {above:g}" + ("" if math.isinf(high) else f" and at most {high:g}")
    elif math.isinf(high):
        allowed = f"{low:g} or more" if finite else f"a finite number, {low:g} or more"
    else:
        allowed = f"{low} to {high}"
    raise ConfigError(f"{key}: got {value}, allowed: {allowed}")


def check_names(key: str, names: Sequence[str]) -> None:
    """Raise `ConfigError` for no name at all, and for a name that comes twice."""
    if not names:
        raise ConfigError(f"{key}: got nothing, allowed: one name or more")
    if len(set(names)) < len(names):
        raise ConfigError(f"{key}: got '{' '.join(names)}', allowed: each name once")


def check_choice(key: str, value: str, choices: Collection[str]) -> None:
    """Raise `ConfigError` unless `value` is one of `choices`."""
    if value not in choices:
        raise ConfigError(f"{key}: got '{value}', allowed: {', '.join(choices)}")
