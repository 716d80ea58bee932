"""A run's SQLite file as a file: opened and checked, locked against a second writer, and replaced by its backup."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from neat_deep.base.errors import OutputError, StoreError
from neat_deep.base.files import check_writable, make_folder, replacing
from neat_deep.base.locks import HeldLock, lock_file
from neat_deep.store.tables import APPLICATION_ID, CHECKSUM, SCHEMA, VERSION

log = logging.getLogger(__name__)

FILE_NAME = "run.sqlite"
ADVICE = f"move {FILE_NAME}.backup in its place and resume: it holds the run up to its last generation but one"


class _DamagedError(StoreError):
    """The file's pages contradict each other, or a value is not what was written."""


def store_path(place: Path | str) -> Path:
    """The store's file, for a run's folder or the file itself."""
    path = Path(place)
    return path / FILE_NAME if path.is_dir() else path


def backup_path(path: Path) -> Path:
    """Where the copy of a store lies."""
    return path.with_name(f"{path.name}.backup")


def create_file(path: Path, meta: Mapping[str, str]) -> tuple[sqlite3.Connection, HeldLock]:
    """Make a store where there is none: the connection to write it with, and the lock to close after it.

    Raises `StoreError`, with nothing left behind.
    """
    make_folder(path.parent)
    taken = f"{path} is there already, allowed: a new folder, or resuming that run"
    if path.exists():
        raise StoreError(taken)
    lock = lock_file(path)
    if path.exists():  # made by another process meanwhile
        lock.close()
        raise StoreError(taken)
    connection: sqlite3.Connection | None = None
    try:
        connection = _connect(path, "rwc")
        with naming_file(path):
            # The identity comes last: a store without it was never finished.
            connection.executescript(f"PRAGMA journal_mode = WAL; BEGIN; {SCHEMA} COMMIT;")
            connection.execute("PRAGMA synchronous = NORMAL")  # survives a kill; a power cut may cost the last rows
            with transaction(connection):
                entries = {**meta, CHECKSUM: meta_checksum(meta)}
                connection.executemany("INSERT INTO meta VALUES (?, ?)", entries.items())
                connection.execute(f"PRAGMA user_version = {VERSION}")
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    except StoreError as error:
        if connection is not None:
            connection.close()
        _remove(path)  # what has no identity yet could be neither resumed nor made again
        lock.close()
        reason = str(error).partition("; what was stored before")[0]
        raise StoreError(f"{reason}; no run was begun: start it again when that is mended") from None
    return connection, lock


def resume_file(path: Path) -> tuple[sqlite3.Connection, HeldLock]:
    """Open a store to be written further, as `create_file` returns it; a damaged one is replaced by its backup."""
    _check_place(path)
    lock = lock_file(path)
    try:
        try:
            connection = open_file(path, "rw", check=True)
        except _DamagedError as damage:
            _restore_backup(path, str(damage))
            connection = open_file(path, "rw", check=True)
        with naming_file(path):
            connection.execute("PRAGMA synchronous = NORMAL")
    except StoreError:
        lock.close()
        raise
    return connection, lock


def open_to_read(path: Path) -> sqlite3.Connection:
    """Connect to a store that is only read, while its run may be running; raises `StoreError` as `open_file` does.

    Where the folder cannot be written, SQLite cannot make the files that write-ahead mode needs for its readers. It
    reads the file without them then, which is safe where nothing waits to be merged into the file; it cannot merge.
    """
    try:
        return open_file(path, "rw", check=False)  # "ro" would leave the files of write-ahead mode behind
    except StoreError:
        if not path.is_file() or _is_writable(path.parent):
            raise
    waiting = path.with_name(f"{path.name}-wal")
    if waiting.is_file() and waiting.stat().st_size:
        raise StoreError(
            f"cannot read {path}: its folder cannot be written, and SQLite has to merge {waiting.name} into it first; "
            "copy the whole folder to a place that can be written, and use the copy"
        )
    return open_file(path, "ro&immutable=1", check=False)


def _is_writable(folder: Path) -> bool:
    try:
        check_writable(folder)
    except OutputError:
        return False
    return True


def open_file(path: Path, mode: str, *, check: bool) -> sqlite3.Connection:
    """Connect, and make sure that it is a store of ours, with `check` a whole one; nothing is written.

    Raises `StoreError` for a file that is missing, no run store or of another version, `_DamagedError` for a damaged
    one.

    The file is never opened but by SQLite: on POSIX, closing any other handle on it would drop the locks that this
    process holds, and a later reader could take committed rows away from under a writer in this process.
    """
    _check_place(path)
    connection = _connect(path, mode)
    try:
        with naming_file(path):
            identity = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if identity != APPLICATION_ID:
                raise StoreError(f"{path} is not a run store of neat-deep (or its run was stopped at its very start)")
            if version != VERSION:
                raise StoreError(_other_version(path, version, connection))
            if check:
                _check_content(path, connection)
    except _DamagedError as damage:
        connection.close()
        if "not a database" in str(damage) and not backup_path(path).is_file():  # with one, its first page is damaged
            raise StoreError(f"{path} is not a run store of neat-deep: not an SQLite file") from None
        raise
    except StoreError:
        connection.close()
        raise
    return connection


def _other_version(path: Path, version: int, connection: sqlite3.Connection) -> str:
    """What to say of a store of another schema, with the release that wrote it where it says so."""
    age = "a newer" if version > VERSION else "an older"
    writer = f"{age} neat-deep"
    with suppress(sqlite3.Error, ValueError, TypeError, KeyError):
        stored = connection.execute("SELECT value FROM meta WHERE name = 'versions'").fetchone()
        writer += f" ({json.loads(stored[0])['neat-deep']})"
    return f"{path}: version: got {version}, allowed: {VERSION}; {writer} wrote it, which can read it"


def _remove(path: Path) -> None:
    """Remove a store with what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    """Connect in SQLite's `mode`, such as rw or rwc, with transactions begun by hand; raises `StoreError`."""
    with naming_file(path):
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=30)


def _check_content(path: Path, connection: sqlite3.Connection) -> None:
    """Raise `_DamagedError` for pages that contradict each other, and for long values that are not what was written.

    SQLite's check does not see damage inside a long value, which fills pages of its own.
    """
    result = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if result != "ok":
        raise _DamagedError(f"{path} is damaged: {' '.join(result.split())}")
    meta = dict(connection.execute("SELECT name, value FROM meta"))
    checksum = meta.pop(CHECKSUM, None)
    if checksum is not None and checksum != meta_checksum(meta):
        raise _DamagedError(f"{path} is damaged: its settings are not those that were written")
    states = connection.execute("SELECT generation, state, torch_random, sha256 FROM states")
    for generation, state, torch_random, checksum in states:
        if not isinstance(state, str) or state_checksum(state, torch_random) != checksum:
            raise _DamagedError(f"{path} is damaged: the state of generation {generation}")
    for digest, architecture in connection.execute("SELECT digest, architecture FROM architectures"):
        _check_json(architecture, f"{path} is damaged: the architecture {digest}")
    for generation, genes in connection.execute("SELECT generation, genes FROM best WHERE genes != ''"):
        _check_json(genes, f"{path} is damaged: the best genome of generation {generation}")


def _check_json(text: Any, damage: str) -> None:
    try:
        json.loads(text)
    except (ValueError, TypeError):
        raise _DamagedError(damage) from None


def state_checksum(state: str, torch_random: bytes) -> str:
    """What stands beside a state's two values."""
    return checksum_of(state.encode() + torch_random)


def meta_checksum(meta: Mapping[str, str]) -> str:
    """What stands among the entries of meta, made of the others."""
    return checksum_of(json.dumps(sorted(meta.items())).encode())


def _check_place(path: Path) -> None:
    """Raise `StoreError` where there is no file."""
    if not path.is_file():
        raise StoreError(f"{path} is not there, allowed: the folder of a search, or the {FILE_NAME} in it")


def _restore_backup(path: Path, damage: str) -> None:
    """Put the backup in the place of a damaged store, which is set aside; raises `StoreError` where there is none."""
    backup, aside = backup_path(path), path.with_name(f"{path.name}.damaged")
    try:
        open_file(backup, "ro", check=True).close()
    except StoreError as error:
        raise StoreError(f"{damage}; its backup does not help: {error}") from None
    try:
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.replace(aside)
        with replacing(path) as beside:
            shutil.copyfile(backup, beside)
        with closing(_connect(path, "rw")) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    except OSError as error:
        raise StoreError(f"{damage}; cannot put its backup in place: {error.strerror or error}") from None
    log.warning("%s; it is now %s, and the run goes on from %s", damage, aside.name, backup.name)


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into one line that names the file and what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "full" in text or "disk I/O" in text:
            raise StoreError(
                f"cannot write {path}: {text}; what was stored before is whole: make room, then resume the run"
            ) from None
        if "not a database" in text:
            raise _DamagedError(f"{path} is damaged, or no run store of neat-deep: {text}") from None
        if "malformed" in text or "corrupt" in text:
            raise _DamagedError(f"{path} is damaged: {text}; {ADVICE}") from None
        raise StoreError(f"cannot use {path}: {text}") from None


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written within, or none of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite may have rolled back already, as it does when the disk is full
            connection.execute("ROLLBACK")
        raise


def checksum_of(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
