"""All that a run store holds but for times, to compare two runs row by row."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from neat_deep.store.tables import CHECKSUM

Rows = dict[str, list[tuple[Any, ...]]]


def rows(folder: Path, without: tuple[str, ...] = ()) -> Rows:
    """The rows of each table of `folder/run.sqlite`, sorted, without `seconds` and the meta entries `without`."""
    found: Rows = {}
    with closing(sqlite3.connect(folder / "run.sqlite")) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"):
            names = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})") if name != "seconds"]
            content = connection.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()
            found[table] = sorted(content, key=repr)
    found["meta"] = [row for row in found["meta"] if row[0] not in (*without, CHECKSUM)]
    return found
