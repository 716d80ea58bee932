"""JSON documents, read strictly: no unknown field, none missing, each of its type."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from neat_deep.base.errors import ArchitectureError


def parse_json(text: str) -> Any:
    """The value that a JSON text stands for; raises `ArchitectureError`."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ArchitectureError("not JSON of ours: lists or objects are nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits is no JSONDecodeError
        raise ArchitectureError(f"not JSON: {error}") from None


def take_fields(
    data: object, where: str, kinds: Mapping[str, type], optional: Collection[str] = frozenset()
) -> dict[str, Any]:
    """The fields of a JSON object, which must be those of `kinds`; raises `ArchitectureError` that begins with `where`.

    A whole number may stand where `kinds` says float.
    """
    if not isinstance(data, dict):
        raise ArchitectureError(f"{where}: got {type(data).__name__}, allowed: an object with {', '.join(kinds)}")
    for name in data:
        if name not in kinds:
            raise ArchitectureError(f"{where}: unknown field '{name}', allowed: {', '.join(kinds)}")
    for name, kind in kinds.items():
        if name not in data and name not in optional:
            raise ArchitectureError(f"{where}: the field '{name}' is missing")
        if name in data and not _is(data[name], kind):
            raise ArchitectureError(f"{where}: {name}: got {data[name]!r}, allowed: {_KINDS[kind]}")
    return dict(data)


def take_items(items: list[Any], where: str, kind: type) -> tuple[Any, ...]:
    """The items of a JSON list, each of `kind`; raises `ArchitectureError`, which begins with `where`."""
    if not all(_is(item, kind) for item in items):
        raise ArchitectureError(f"{where}: got {items}, allowed: {_KINDS[kind]} at each place")
    return tuple(items)


def _is(value: object, kind: type) -> bool:
    return type(value) in ((int, float) if kind is float else (kind,))  # True is no number here


_KINDS = {int: "a whole number", float: "a number", str: "a text", list: "a list", dict: "an object"}
