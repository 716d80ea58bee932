"""Between records and rows of a table: a record's fields are the columns, tuples and mappings are JSON text."""

from __future__ import annotations

import json
import sqlite3
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

Record = TypeVar("Record")


def insert(connection: sqlite3.Connection, table: str, records: Sequence[Any]) -> None:
    """Write records, in the place of those with the same key."""
    if records:
        names = [f.name for f in fields(records[0])]
        query = f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        rows = [tuple(_encode(getattr(record, name)) for name in names) for record in records]
        connection.executemany(query, rows)


def select(kind: type[Any], table: str, order: str) -> str:
    """The query for all records of a table."""
    return f"SELECT {', '.join(f.name for f in fields(kind))} FROM {table} ORDER BY {order}"


def decode(kind: type[Record], rows: Sequence[Sequence[Any]]) -> Iterator[Record]:
    """The records that rows of `select` hold; raises `ValueError` for text that is no JSON."""
    hints = typing.get_type_hints(kind)
    names = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    readers = [_READERS.get(typing.get_origin(hints[name]) or hints[name]) for name in names]
    for row in rows:
        values = [value if read is None else read(value) for read, value in zip(readers, row, strict=True)]
        yield kind(**dict(zip(names, values, strict=True)))


def _encode(value: Any) -> Any:
    if isinstance(value, Mapping):
        return json.dumps(dict(sorted(value.items())), separators=(",", ":"))
    if isinstance(value, tuple):
        return json.dumps(value, separators=(",", ":"))
    return value


_READERS: dict[Any, Any] = {
    Mapping: json.loads,
    tuple: lambda text: tuple(json.loads(text)),
    bool: bool,
}
