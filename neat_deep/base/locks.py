"""One writer at a time: a lock that ends with its process, however that ends."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from neat_deep.base.errors import StoreError


def lock_file(path: Path) -> sqlite3.Connection:
    """Become the only writer of a file, until the connection that this returns is closed or the process ends.

    The lock is SQLite's own, on an empty file beside `path`: a lock on a store itself would keep its readers out.
    Raises `StoreError` when another process, or this one, has it.
    """
    place = path.with_name(f"{path.name}.lock")
    try:
        lock = sqlite3.connect(place, isolation_level=None, timeout=0)
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise StoreError(f"{path} is being written by another process; wait for it, or end it") from None
        raise StoreError(f"cannot lock {place}: {error}") from None
    return lock
