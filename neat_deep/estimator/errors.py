"""Errors that are ours and scikit-learn's: what it expects of an estimator, and one `except` for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sklearn.exceptions import NotFittedError

from neat_deep.base.errors import (
    ArchitectureError,
    ConfigError,
    DataError,
    NeatDeepError,
    StoreError,
    UnknownNameError,
)


class InputError(NeatDeepError, ValueError):
    """A parameter of the estimator, or X or y, that it cannot work with."""


class UnfittedError(NeatDeepError, NotFittedError):
    """An estimator that is asked for predictions before it is fitted."""


@contextmanager
def as_input_errors() -> Iterator[None]:
    """Raise what is wrong with settings or data as an `InputError` of the same message."""
    try:
        yield
    except (ArchitectureError, ConfigError, DataError, StoreError, UnknownNameError) as error:
        raise InputError(str(error)) from None
