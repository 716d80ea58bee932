"""A registry: things known by name, that a user's own file can add to."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
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
    is used, or holds a callable that somebody has imported already. Nobody can register a `reserved` name; messages
    tell them as known, unless `tells_reserved` is false.
    """

    def __init__(self, kind: str, *, reserved: frozenset[str] = frozenset(), tells_reserved: bool = True) -> None:
        self.kind = kind
        self._tells_reserved = tells_reserved
        self._reserved = reserved
        self._entries: dict[str, Info] = {}
        self._code: dict[str, Any] = {}  # what `load` has imported
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
            reserved = self._reserved if self._tells_reserved else ()
            raise unknown_name(self.kind, name, [*self._entries, *reserved], where)
        return self._entries[name]

    def load(self, name: str) -> Any:
        """The code of `name` (the field `code` of its facts), imported when it is first asked for; raises as `get`."""
        if name not in self._code:
            self._code[name] = resolve(getattr(self.get(name), "code"))  # noqa: B009 - not all facts have code
        return self._code[name]

    def adopt(self, info: Info) -> None:
        """Register what another process has registered, unless it is here already."""
        self._entries.setdefault(info.name, info)

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
def registration_scope() -> Iterator[None]:
    """What is registered within the block, in whatever registry, is gone after it: for tests and notebooks."""
    before = _snapshot()
    try:
        yield
    finally:
        _go_back(before)


Registrations = list[tuple[Registry[Any], Any]]


@contextmanager
def recorded() -> Iterator[Registrations]:
    """Give a list that holds, after the block, all that it has registered; a block that raises registers nothing.

    `restore` registers the same again, after a `registration_scope` has taken it away.
    """
    before = _snapshot()
    registrations: Registrations = []
    try:
        yield registrations
    except BaseException:
        _go_back(before)
        raise
    for registry in _ALL:
        entries, _ = _state_before(registry, before)
        registrations += [(registry, info) for name, info in registry._entries.items() if name not in entries]


State = tuple[dict[str, Any], dict[str, Any]]  # a registry's entries, and the code that was imported for them
Snapshot = dict[int, State]  # by the identity of the registry


def _snapshot() -> Snapshot:
    return {id(registry): (dict(registry._entries), dict(registry._code)) for registry in _ALL}


def _go_back(before: Snapshot) -> None:
    for registry in _ALL:
        registry._entries, registry._code = _state_before(registry, before)


def _state_before(registry: Registry[Any], before: Snapshot) -> State:
    """A registry as it was; one whose module was first imported since had what is shipped."""
    return before.get(id(registry)) or (_shipped(registry), {})


def _shipped(registry: Registry[Any]) -> dict[str, Any]:
    """What the package itself has registered: its facts name code of the package, or hold it."""
    package = f"{__name__.partition('.')[0]}."

    def is_shipped(info: Any) -> bool:
        values = [getattr(info, field.name) for field in fields(info)]
        modules = [
            value.partition(":")[0] if isinstance(value, str) else value.__module__ or ""  # of C code it may be None
            for value in values
            if (isinstance(value, str) and ":" in value) or callable(value)
        ]
        return any(module.startswith(package) for module in modules)

    return {name: info for name, info in registry._entries.items() if is_shipped(info)}


def restore(registrations: Registrations) -> None:
    """Register again what a `recorded` block has registered, as far as it is gone."""
    for registry, info in registrations:
        if info.name not in registry or registry.get(info.name) is not info:
            registry.add(info)


def resolve(code: Any) -> Any:
    """The object that `module:attribute` names, imported now; anything but a text is returned as it is."""
    if not isinstance(code, str):
        return code
    module, _, attribute = code.partition(":")
    return getattr(importlib.import_module(module), attribute)
