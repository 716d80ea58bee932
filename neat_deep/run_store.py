"""The journal of a run: one SQLite file that any program can read while the run goes on.

docs/run_store.md describes the tables. Every evaluation is one transaction, written as it ends; a generation is
another. The file is in write-ahead mode, so readers and the one writer do not wait for each other. Once a generation
the file is copied to `<name>.backup` by SQLite's online backup.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from neat_deep.errors import StoreError
from neat_deep.files import make_folder, replacing
from neat_deep.population_state import PopulationState, from_json, to_json

log = logging.getLogger(__name__)

FILE_NAME = "run.sqlite"
APPLICATION_ID = 0x4E444550  # "NDEP": in SQLite's header, so that other files are recognised as others
VERSION = 2  # 2: latency
CHECKSUM = "checksum"  # the entry of meta that tells whether the others are what was written

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE populations (
    generation INTEGER PRIMARY KEY, state TEXT NOT NULL, torch_random BLOB NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE evaluations (
    generation INTEGER, key TEXT, rung INTEGER, genome INTEGER NOT NULL, digest TEXT NOT NULL, status TEXT NOT NULL,
    accuracy REAL, samples INTEGER NOT NULL, parameters INTEGER NOT NULL, macs INTEGER NOT NULL,
    seconds REAL NOT NULL, reason TEXT NOT NULL, latency REAL,
    PRIMARY KEY (generation, key, rung)) WITHOUT ROWID;
CREATE TABLE genomes (
    generation INTEGER, genome INTEGER, position INTEGER NOT NULL, species INTEGER, key TEXT NOT NULL,
    digest TEXT NOT NULL, status TEXT NOT NULL, rung INTEGER NOT NULL, accuracy REAL, fitness REAL NOT NULL,
    parameters INTEGER NOT NULL, macs INTEGER NOT NULL, parents TEXT NOT NULL, seconds REAL NOT NULL,
    reason TEXT NOT NULL, latency REAL,
    PRIMARY KEY (generation, genome)) WITHOUT ROWID;
CREATE TABLE species (
    generation INTEGER, species INTEGER, created INTEGER NOT NULL, last_improved INTEGER NOT NULL,
    representative INTEGER NOT NULL, members TEXT NOT NULL, history TEXT NOT NULL,
    PRIMARY KEY (generation, species)) WITHOUT ROWID;
CREATE TABLE generations (generation INTEGER PRIMARY KEY, samples INTEGER NOT NULL,
    saved_by_reuse INTEGER NOT NULL, saved_by_rungs INTEGER NOT NULL, seconds REAL NOT NULL);
CREATE TABLE best (
    generation INTEGER, genome INTEGER, key TEXT NOT NULL, rung INTEGER NOT NULL, accuracy REAL NOT NULL,
    architecture TEXT NOT NULL, genes TEXT NOT NULL,
    PRIMARY KEY (generation, genome)) WITHOUT ROWID;
CREATE TABLE weights (
    key TEXT, rung INTEGER, data BLOB NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (key, rung));
"""

Row = TypeVar("Row")


@dataclass(frozen=True)
class EvaluationRow:
    """One training and scoring that ended, well or not; `accuracy` is on the search's validation examples.

    `key` names what was trained (the digest, and what it inherited), `rung` how far, `genome` the first genome that
    asked for it, `samples` the training examples that it cost.
    """

    generation: int
    key: str
    rung: int
    genome: int
    digest: str
    status: str
    accuracy: float | None
    samples: int
    parameters: int
    macs: int
    seconds: float
    reason: str
    latency: float | None = None  # milliseconds for one example, where they were measured


@dataclass(frozen=True)
class GenomeRow:
    """One genome of one generation; `species` is the one that it competed in, `parents` are genome keys as JSON."""

    generation: int
    genome: int
    position: int
    species: int | None
    key: str
    digest: str
    status: str
    rung: int
    accuracy: float | None
    fitness: float
    parameters: int
    macs: int
    parents: str
    seconds: float
    reason: str
    latency: float | None = None


@dataclass(frozen=True)
class SpeciesRow:
    """One species of one generation as it was scored; `members` and `history` are JSON lists."""

    generation: int
    species: int
    created: int
    last_improved: int
    representative: int
    members: str
    history: str


@dataclass(frozen=True)
class GenerationRow:
    """What a scored generation cost, in training examples and seconds, and what reuse and early stopping saved."""

    generation: int
    samples: int
    saved_by_reuse: int
    saved_by_rungs: int
    seconds: float


@dataclass(frozen=True)
class BestRow:
    """A network better than all before it: `architecture` is an `Architecture`'s JSON, `genes` its genome's."""

    generation: int
    genome: int
    key: str
    rung: int
    accuracy: float
    architecture: str
    genes: str


class RunStore:
    """An open run store; make one with `create`, `resume` (both write) or `read`, and close it.

    All methods raise `StoreError` for a full disk, a damaged page or a file that cannot be written: what was
    committed before stays whole.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: sqlite3.Connection | None) -> None:
        self.path = path
        self._connection = connection
        self._lock = lock

    @classmethod
    def create(cls, path: Path | str, meta: Mapping[str, str]) -> RunStore:
        """A new store at a place where there is none; `meta` says what the run is (its settings, its data)."""
        target = Path(path)
        make_folder(target.parent)
        taken = f"{target} is there already, allowed: a new folder, or resuming that run"
        if target.exists():
            raise StoreError(taken)
        lock = _lock(target)
        if target.exists():  # made by another process meanwhile
            lock.close()
            raise StoreError(taken)
        connection: sqlite3.Connection | None = None
        try:
            connection = _connect(target, "rwc")
            with _naming(target):
                # The identity comes last: a store without it was never finished.
                connection.executescript(f"PRAGMA journal_mode = WAL; BEGIN; {SCHEMA} COMMIT;")
                connection.execute("PRAGMA synchronous = NORMAL")  # survives a kill; a power cut may cost the last rows
                with _transaction(connection):
                    entries = {**meta, CHECKSUM: _checksum(meta)}
                    connection.executemany("INSERT INTO meta VALUES (?, ?)", entries.items())
                    connection.execute(f"PRAGMA user_version = {VERSION}")
                    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        except StoreError as error:
            if connection is not None:
                connection.close()
            _remove(target)  # what has no identity yet could be neither resumed nor made again
            lock.close()
            reason = str(error).partition("; what was stored before")[0]
            raise StoreError(f"{reason}; no run was begun: start it again when that is mended") from None
        return cls(target, connection, lock)

    @classmethod
    def resume(cls, path: Path | str) -> RunStore:
        """The store of a run that stopped, to be written further.

        A damaged file is set aside as `<name>.damaged` and the backup of the last generation takes its place; a
        warning says so. Raises `StoreError` when another process writes it, and as `read` does.
        """
        target = store_path(path)
        _check_place(target)
        lock = _lock(target)
        try:
            try:
                connection = _open(target, "rw", check=True)
            except _DamagedError as damage:
                _restore_backup(target, str(damage))
                connection = _open(target, "rw", check=True)
            with _naming(target):
                connection.execute("PRAGMA synchronous = NORMAL")
        except StoreError:
            lock.close()
            raise
        return cls(target, connection, lock)

    @classmethod
    def read(cls, path: Path | str) -> RunStore:
        """The store, to be read only, while its run may go on.

        Raises `StoreError` for a file that is missing, no run store, made by another version, or damaged.
        """
        target = store_path(path)
        connection = _open(target, "rw", check=False)  # "ro" would leave the files of write-ahead mode behind
        connection.execute("PRAGMA query_only = ON")
        return cls(target, connection, None)

    def close(self) -> None:
        """Close the file, and let others write it."""
        with suppress(sqlite3.Error):  # a full disk has been told where it was met
            self._connection.close()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what the run is ---------------------------------------------------------------------------------------------

    def meta(self) -> dict[str, str]:
        """What `create` was told, and what `set_meta` changed since."""
        found = dict(self._fetch("SELECT name, value FROM meta"))
        found.pop(CHECKSUM, None)
        return found

    def set_meta(self, name: str, value: str) -> None:
        """Change one entry."""
        with self._write():
            changed = {**self.meta(), name: value}
            entries = [(name, value), (CHECKSUM, _checksum(changed))]
            self._connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", entries)

    # --- evaluations and weights -------------------------------------------------------------------------------------

    def record(self, evaluation: EvaluationRow, weights: bytes | None = None) -> None:
        """Keep an evaluation, and the weights that it trained, in one transaction."""
        with self._write():
            _insert(self._connection, "evaluations", [evaluation])
            if weights is not None:
                row = (evaluation.key, evaluation.rung, weights, _sha256(weights))
                self._connection.execute("INSERT OR REPLACE INTO weights VALUES (?, ?, ?, ?)", row)

    def evaluations(self) -> list[EvaluationRow]:
        """All evaluations, in the order of generation, key and rung."""
        return self._rows("evaluations", EvaluationRow, "generation, key, rung")

    def weights(self, key: str, rung: int) -> bytes | None:
        """The kept weights of an evaluation, None where they are not kept."""
        found = self._fetch("SELECT data, sha256 FROM weights WHERE key = ? AND rung = ?", (key, rung))
        if not found:
            return None
        data, checksum = found[0]
        if _sha256(data) != checksum:
            raise StoreError(f"{self.path}: the weights of {key}, rung {rung}, are damaged; {_ADVICE}")
        return bytes(data)

    def kept_weights(self) -> set[tuple[str, int]]:
        """Key and rung of all kept weights."""
        return set(self._fetch("SELECT key, rung FROM weights"))

    def keep_weights(self, wanted: Collection[tuple[str, int]]) -> None:
        """Drop all kept weights but those of `wanted`, given by key and rung."""
        with self._write():
            dropped = self.kept_weights() - set(wanted)
            self._connection.executemany("DELETE FROM weights WHERE key = ? AND rung = ?", dropped)

    # --- generations -------------------------------------------------------------------------------------------------

    def add_population(self, state: PopulationState) -> None:
        """Keep the population that a generation begins with, then copy the file to its backup."""
        text = to_json(state)
        row = (state.generation, text, state.random.torch, _population_checksum(text, state.random.torch))
        with self._write():
            self._connection.execute("INSERT OR REPLACE INTO populations VALUES (?, ?, ?, ?)", row)
        self.back_up()

    def last_generation(self) -> int | None:
        """The number of the newest population; None in a store whose run has just begun."""
        number: int | None = self._fetch("SELECT max(generation) FROM populations")[0][0]
        return number

    def population(self, generation: int) -> PopulationState:
        """The population that a generation began with; raises `StoreError` where it is missing or damaged."""
        query = "SELECT state, torch_random, sha256 FROM populations WHERE generation = ?"
        found = self._fetch(query, (generation,))
        if not found:
            raise StoreError(f"{self.path}: the population of generation {generation} is not there")
        text, torch_random, checksum = found[0]
        if _population_checksum(text, torch_random) != checksum:
            raise StoreError(f"{self.path}: the population of generation {generation} is damaged; {_ADVICE}")
        try:
            return from_json(text, torch_random)
        except StoreError as error:
            raise StoreError(f"{self.path}: generation {generation}: {error}") from None

    def add_generation(
        self,
        figures: GenerationRow,
        genomes: Sequence[GenomeRow],
        species: Sequence[SpeciesRow],
        best: BestRow | None = None,
    ) -> None:
        """Keep what a scored generation came to, with its network that is better than all before, if there is one."""
        with self._write():
            for table in ("genomes", "species", "best"):
                self._connection.execute(f"DELETE FROM {table} WHERE generation = ?", (figures.generation,))
            _insert(self._connection, "generations", [figures])
            _insert(self._connection, "genomes", genomes)
            _insert(self._connection, "species", species)
            _insert(self._connection, "best", [best] if best is not None else [])

    def generations(self) -> list[GenerationRow]:
        """All scored generations, in order."""
        return self._rows("generations", GenerationRow, "generation")

    def genomes(self) -> list[GenomeRow]:
        """All genomes of all scored generations, in the order in which they were scored."""
        return self._rows("genomes", GenomeRow, "generation, position")

    def species(self) -> list[SpeciesRow]:
        """All species of all scored generations."""
        return self._rows("species", SpeciesRow, "generation, species")

    def best(self) -> list[BestRow]:
        """The networks that were the best of the run when they were scored, the best of all last."""
        return self._rows("best", BestRow, "generation")

    def back_up(self) -> None:
        """Copy the file, as it stands, to `<name>.backup`; the copy is whole or absent."""
        place = backup_path(self.path)
        with _naming(self.path), replacing(place) as beside, closing(sqlite3.connect(beside)) as copy:
            self._connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without others beside it

    # --- access ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _write(self) -> Iterator[None]:
        with _naming(self.path), _transaction(self._connection):
            yield

    def _fetch(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with _naming(self.path):
            return self._connection.execute(query, values).fetchall()

    def _rows(self, table: str, kind: type[Row], order: str) -> list[Row]:
        names = ", ".join(f.name for f in fields(kind))  # type: ignore[arg-type]
        return [kind(*row) for row in self._fetch(f"SELECT {names} FROM {table} ORDER BY {order}")]


def store_path(place: Path | str) -> Path:
    """The store's file, for a run's folder or the file itself."""
    path = Path(place)
    return path / FILE_NAME if path.is_dir() else path


def backup_path(path: Path) -> Path:
    """Where the copy of a store lies."""
    return path.with_name(f"{path.name}.backup")


# --- opening ---------------------------------------------------------------------------------------------------------

_ADVICE = f"move {FILE_NAME}.backup in its place and resume: it holds the run up to its last generation but one"


class _DamagedError(StoreError):
    """SQLite says that the file's pages contradict each other."""


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    with _naming(path):
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=30)


def _open(path: Path, mode: str, *, check: bool) -> sqlite3.Connection:
    """Connect, and make sure that it is a store of ours; nothing is written.

    The file is never opened but by SQLite: on POSIX, closing any other handle on it would drop the locks that this
    process holds, and a later reader could take committed rows away from under a writer in this process.
    """
    _check_place(path)
    connection = _connect(path, mode)
    try:
        with _naming(path):
            identity = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if identity != APPLICATION_ID:
                raise StoreError(f"{path} is not a run store of neat-deep (or its run was stopped at its very start)")
            if version != VERSION:
                age = "a newer" if version > VERSION else "an older"
                raise StoreError(f"{path}: version: got {version}, allowed: {VERSION}; {age} neat-deep wrote it")
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


def _check_content(path: Path, connection: sqlite3.Connection) -> None:
    """Raise `_DamagedError` for pages that contradict each other, and for long values that are not what was written.

    SQLite's check does not see damage inside a long value, which fills pages of its own.
    """
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise _DamagedError(f"{path} is damaged: {' '.join(found.split())}")
    meta = dict(connection.execute("SELECT name, value FROM meta"))
    checksum = meta.pop(CHECKSUM, None)
    if checksum is not None and checksum != _checksum(meta):
        raise _DamagedError(f"{path} is damaged: its settings are not those that were written")
    populations = connection.execute("SELECT generation, state, torch_random, sha256 FROM populations")
    for generation, state, torch_random, checksum in populations:
        if not isinstance(state, str) or _population_checksum(state, torch_random) != checksum:
            raise _DamagedError(f"{path} is damaged: the population of generation {generation}")
    for generation, architecture, genes in connection.execute("SELECT generation, architecture, genes FROM best"):
        try:
            for text in (architecture, genes):
                json.loads(text)
        except (ValueError, TypeError):
            raise _DamagedError(f"{path} is damaged: the best network of generation {generation}") from None


def _population_checksum(state: str, torch_random: bytes) -> str:
    return _sha256(state.encode() + torch_random)


def _checksum(meta: Mapping[str, str]) -> str:
    return _sha256(json.dumps(sorted(meta.items())).encode())


def _check_place(path: Path) -> None:
    if not path.is_file():
        raise StoreError(f"{path} is not there, allowed: the folder of a run, or the {FILE_NAME} in it")


def _lock(path: Path) -> sqlite3.Connection:
    """Become the only writer of a store, until the connection that this returns is closed or the process ends.

    The lock is SQLite's own, on an empty file beside the store: one on the store itself would keep readers out.
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


def _restore_backup(path: Path, damage: str) -> None:
    """Put the backup in the place of a damaged store, which is set aside; raises `StoreError` where there is none."""
    backup, aside = backup_path(path), path.with_name(f"{path.name}.damaged")
    try:
        _open(backup, "ro", check=True).close()
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


# --- small parts -----------------------------------------------------------------------------------------------------


@contextmanager
def _naming(path: Path) -> Iterator[None]:
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
            raise _DamagedError(f"{path} is damaged: {text}; {_ADVICE}") from None
        raise StoreError(f"cannot use {path}: {text}") from None


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite may have rolled back already, as it does when the disk is full
            connection.execute("ROLLBACK")
        raise


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[Any]) -> None:
    if rows:
        places = ", ".join("?" * len(fields(rows[0])))
        names = ", ".join(f.name for f in fields(rows[0]))
        query = f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({places})"
        connection.executemany(query, [astuple(row) for row in rows])


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
