"""The error types: one family, so that a script can catch `NeatDeepError` and print one line.

A message says what is wrong, where, what was got and what is allowed; it needs no traceback beside it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager


class NeatDeepError(Exception):
    """Something that the user can mend: the message is complete without a traceback."""


class ConfigError(NeatDeepError):
    """A setting, in an INI file or given to a function, is missing, unknown or out of range."""


class UnknownNameError(NeatDeepError):
    """A name that no registry knows (op, activation, aggregation, data set)."""


class GraphError(NeatDeepError):
    """A cell graph that is not a graph of this search space."""


class DisconnectedError(GraphError):
    """Nothing connects the input of a genome to its output."""


class ArchitectureError(NeatDeepError):
    """An architecture, or its JSON file, that cannot be read or built."""


class DataError(NeatDeepError):
    """A data set that is missing, broken or unusable."""


class VectorError(DataError):
    """Word vectors that cannot be read or that no text's word has."""


class DeviceError(NeatDeepError):
    """A device that this machine does not have."""


class OutputError(NeatDeepError):
    """A file or folder that cannot be written."""


class DivergedError(NeatDeepError):
    """Training met a loss that is not finite."""


class StoreError(NeatDeepError):
    """A run store that cannot be read, written or resumed."""


class SearchError(NeatDeepError):
    """A search that cannot continue, whatever its settings say."""


class InheritanceError(SearchError):
    """Trained weights that a candidate must start from, and that are not there."""


def unknown_name(kind: str, name: str, known: Iterable[str], where: str = "") -> UnknownNameError:
    """The error for an unknown `name`: it suggests the nearest known one and lists them all."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ";"
    place = f" in {where}" if where else ""
    return UnknownNameError(f"unknown {kind} '{name}'{place}{hint} known: {', '.join(names)}")


@contextmanager
def beginning(words: str) -> Iterator[None]:
    """Within the block the message of an error begins with these words, and it is a `ConfigError`."""
    try:
        yield
    except NeatDeepError as error:
        raise ConfigError(f"{words}{error}") from None


def in_section(name: str) -> AbstractContextManager[None]:
    """Put the section `name` of an INI file before the setting that an error's message starts with."""
    return beginning(f"[{name}] ")
