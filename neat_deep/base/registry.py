"""A registry: things known by name, that a user's own file can add to."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Generic, Protocol, TypeVar

from neat_deep.base.errors import ConfigError, unknown_name

_ALL: list[Registry[Any]] = []


class Named(Protocol):
    """What a registry holds: facts about one thing, `name` among them."""

    @property
    def name(self) -> str: ...


Info = TypeVar("Info", bound=Named)


class Registry(Generic[Info]):
    """Facts by name. `kind` is what messages call one of them, such as `op` or `data set`.

    What is registered must not import torch: it names the code as `module:attribute`, which `resolve` imports when it
    is used, or holds a callable that somebody has imported already.
    """

    def __init__(self, kind: str, *, reserved: frozenset[str] = frozenset()) -> None:
        self.kind = kind
        self._reserved = reserved
        self._entries: dict[str, Info] = {}
        _ALL.append(self)

    def add(self, info: Info) -> None:
        """Register `info`; raises `ConfigError` for a name that is taken or cannot stand in a list of an INI file."""
        name = info.name
        if name in self._entries or name in self._reserved:
            raise ConfigError(f"{self.kind} name '{name}' is taken")
        if not name or any(character.isspace() or character in "#;," for character in name):
            raise ConfigError(f"{self.kind} name {name!r}: allowed: no spaces, commas, '#' or ';'")
        self._entries[name] = info

    def get(self, name: str, where: str = "") -> Info:
        """The facts of `name`; raises `UnknownNameError`, with the nearest name, when there are none."""
        if name not in self._entries:
            raise unknown_name(self.kind, name, [*self._entries, *self._reserved], where)
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def values(self) -> list[Info]:
        """The facts of everything, in the order of registration."""
        return list(self._entries.values())

    @contextmanager
    def scope(self) -> Iterator[None]:
        """What is registered within the block is gone after it."""
        before = dict(self._entries)
        try:
            yield
        finally:
            self._entries = before


@contextmanager
def registration_scope() -> Iterator[None]:
    """What is registered within the block, in whatever registry, is gone after it: for tests and notebooks."""
    with ExitStack() as stack:
        for registry in _ALL:
            stack.enter_context(registry.scope())
        yield


def resolve(code: Any) -> Any:
    """The object that `module:attribute` names, imported now; anything but a text is returned as it is."""
    if not isinstance(code, str):
        return code
    module, _, attribute = code.partition(":")
    return getattr(importlib.import_module(module), attribute)
