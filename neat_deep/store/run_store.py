"""The journal of a run: one SQLite file that any program can read while the run is in progress.

docs/run_store.md describes the tables. Every evaluation is one transaction, written as it ends; a generation is
another. The file is in write-ahead mode, so readers and the one writer do not wait for each other. Once a generation
the file is copied to `<name>.backup` by SQLite's online backup.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from neat_deep.base.errors import OutputError, StoreError
from neat_deep.base.files import replacing
from neat_deep.base.locks import HeldLock
from neat_deep.scoring.records import EvaluationRecord
from neat_deep.space.architecture import Architecture
from neat_deep.store.file import (
    ADVICE,
    backup_path,
    checksum_of,
    create_file,
    meta_checksum,
    naming_file,
    open_to_read,
    resume_file,
    state_checksum,
    store_path,
    transaction,
)
from neat_deep.store.records import BestRecord, CandidateRecord, GenerationRecord, SpeciesRecord
from neat_deep.store.rows import decode, insert, select
from neat_deep.store.tables import CHECKSUM, SCREENING, SCREENINGS, SIGNALS

Record = TypeVar("Record")


class RunStore:
    """An open run store; make one with `create`, `resume` (both write) or `read`, and close it.

    All methods raise `StoreError` for a full disk, a damaged page or a file that cannot be written: what was
    committed before stays whole.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: HeldLock | None) -> None:
        self.path = path
        self._connection = connection
        self._lock = lock
        self._part = ""  # of the run that the time is spent on, while the clock runs
        self._since = 0.0

    @classmethod
    def create(cls, path: Path | str, meta: Mapping[str, str]) -> RunStore:
        """A new store at a place where there is none; `meta` says what the run is (its settings, its data)."""
        target = Path(path)
        return cls(target, *create_file(target, meta))

    @classmethod
    def resume(cls, path: Path | str) -> RunStore:
        """The store of a run that stopped, to be written further.

        A damaged file is set aside as `<name>.damaged` and the backup of the last generation takes its place; a
        warning says so. Raises `StoreError` when another process writes it, and as `read` does.
        """
        target = store_path(path)
        return cls(target, *resume_file(target))

    @classmethod
    def read(cls, path: Path | str) -> RunStore:
        """The store, to be read only, while its run may be running.

        Raises `StoreError` for a file that is missing, no run store, made by another version, or damaged, and for one
        in a folder that cannot be written while changes wait to be merged into it.
        """
        target = store_path(path)
        connection = open_to_read(target)
        connection.execute("PRAGMA query_only = ON")
        return cls(target, connection, None)

    def close(self) -> None:
        """Close the file, and let others write it."""
        with suppress(sqlite3.Error):  # a full disk was reported where it happened
            self._connection.close()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what the run is ---------------------------------------------------------------------------------------------

    def meta(self) -> dict[str, str]:
        """What `create` was given, and what `set_meta` has changed since."""
        meta = dict(self._fetch("SELECT name, value FROM meta"))
        meta.pop(CHECKSUM, None)
        return meta

    def fact(self, name: str) -> str:
        """One entry that a search writes; raises `StoreError` in a store that was made without it."""
        try:
            return self.meta()[name]
        except KeyError:
            raise StoreError(
                f"{self.path} does not hold the run's {name}; allowed: the run of a search script, or a store that was "
                "told `describe_run`"
            ) from None

    def set_meta(self, name: str, value: str) -> None:
        """Change one entry."""
        with self._write():
            changed = {**self.meta(), name: value}
            entries = [(name, value), (CHECKSUM, meta_checksum(changed))]
            self._connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", entries)

    # --- evaluations and weights -------------------------------------------------------------------------------------

    def record(self, evaluation: EvaluationRecord, architecture: Architecture, weights: bytes | None = None) -> None:
        """Keep an evaluation, its architecture, and the weights that it trained, in one transaction."""
        with self._write():
            insert(self._connection, "evaluations", [evaluation])
            row: tuple[Any, ...] = (evaluation.digest, architecture.to_json())
            self._connection.execute("INSERT OR IGNORE INTO architectures VALUES (?, ?)", row)
            if weights is not None:
                row = (evaluation.key, evaluation.rung, weights, checksum_of(weights))
                self._connection.execute("INSERT OR REPLACE INTO weights VALUES (?, ?, ?, ?)", row)

    def evaluations(self) -> list[EvaluationRecord]:
        """All evaluations, in the order of generation, key and rung."""
        return self._records("evaluations", EvaluationRecord, "generation, key, rung")

    def architecture(self, digest: str) -> Architecture:
        """The architecture that was evaluated under a digest; raises `StoreError` where there is none."""
        rows = self._fetch("SELECT architecture FROM architectures WHERE digest = ?", (digest,))
        if not rows:
            raise StoreError(f"{self.path}: the architecture {digest} is not there")
        return Architecture.from_json(rows[0][0])

    def weights(self, key: str, rung: int) -> bytes | None:
        """The kept weights of an evaluation, None where they are not kept."""
        rows = self._fetch("SELECT data, sha256 FROM weights WHERE key = ? AND rung = ?", (key, rung))
        if not rows:
            return None
        data, checksum = rows[0]
        if checksum_of(data) != checksum:
            raise StoreError(f"{self.path}: the weights of {key}, rung {rung}, are damaged; {ADVICE}")
        return bytes(data)

    def kept_weights(self) -> set[tuple[str, int]]:
        """Key and rung of all kept weights."""
        return set(self._fetch("SELECT key, rung FROM weights"))

    def keep_weights(self, needed: Collection[tuple[str, int]]) -> None:
        """Drop all kept weights but those of `needed`, given by key and rung."""
        with self._write():
            dropped = self.kept_weights() - set(needed)
            self._connection.executemany("DELETE FROM weights WHERE key = ? AND rung = ?", dropped)

    # --- generations -------------------------------------------------------------------------------------------------

    def add_state(
        self, generation: int, state: str, torch_random: bytes, *, back_up: bool = True, alone: bool = False
    ) -> None:
        """Keep what a generation begins with, or resumes from, then copy the file to its backup if asked.

        `state` is the strategy's own, as JSON text, `torch_random` torch's random state. With `alone` the states of
        earlier generations are dropped: one that holds all that a search has proposed grows with each.
        """
        row = (generation, state, torch_random, state_checksum(state, torch_random))
        with self._write():
            self._connection.execute("INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)", row)
            if alone:
                self._connection.execute("DELETE FROM states WHERE generation < ?", (generation,))
        if back_up:
            self.back_up()

    def last_generation(self) -> int | None:
        """The number of the newest generation that was begun; None in a store whose run has just begun."""
        number: int | None = self._fetch("SELECT max(generation) FROM states")[0][0]
        return number

    def state(self, generation: int) -> tuple[str, bytes]:
        """What a generation began with; raises `StoreError` where it is missing or damaged."""
        rows = self._fetch("SELECT state, torch_random, sha256 FROM states WHERE generation = ?", (generation,))
        if not rows:
            raise StoreError(f"{self.path}: the state of generation {generation} is not there")
        text, torch_random, checksum = rows[0]
        if state_checksum(text, torch_random) != checksum:
            raise StoreError(f"{self.path}: the state of generation {generation} is damaged; {ADVICE}")
        return text, torch_random

    def add_generation(
        self,
        figures: GenerationRecord,
        candidates: Sequence[CandidateRecord],
        species: Sequence[SpeciesRecord] = (),
        best: BestRecord | None = None,
    ) -> None:
        """Keep what a scored generation came to, with its network that is better than all before, if there is one."""
        with self._write():
            for table in ("candidates", "species", "best"):
                self._connection.execute(f"DELETE FROM {table} WHERE generation = ?", (figures.generation,))
            insert(self._connection, "generations", [figures])
            insert(self._connection, "candidates", candidates)
            insert(self._connection, "species", species)
            insert(self._connection, "best", [best] if best is not None else [])

    def generations(self) -> list[GenerationRecord]:
        """All scored generations, in order; the last may be unfinished."""
        return self._records("generations", GenerationRecord, "generation")

    def candidates(self) -> list[CandidateRecord]:
        """All candidates of all scored generations, in the order in which they were scored."""
        return self._records("candidates", CandidateRecord, "generation, position")

    def species(self) -> list[SpeciesRecord]:
        """All species of all scored generations."""
        return self._records("species", SpeciesRecord, "generation, species")

    def best(self) -> list[BestRecord]:
        """The candidates that were the best of the run when they were scored, the best of all last."""
        return self._records("best", BestRecord, "generation")

    # --- screening ---------------------------------------------------------------------------------------------------

    def signals(self, name: str) -> dict[str, float | None]:
        """The kept values of a signal of untrained networks, by digest; None for a network that has none."""
        if not self._has(SIGNALS):
            return {}
        return dict(self._fetch(f"SELECT digest, value FROM {SIGNALS} WHERE name = ?", (name,)))

    def add_signals(self, name: str, values: Mapping[str, float | None]) -> None:
        """Keep values of a signal."""
        with self._write():
            self._make_screening_tables()
            rows = [(name, digest, value) for digest, value in values.items()]
            self._connection.executemany(f"INSERT OR REPLACE INTO {SIGNALS} VALUES (?, ?, ?)", rows)

    def screened_out(self) -> dict[int, int]:
        """How many proposals were screened out before any training, by generation."""
        return dict(self._fetch(f"SELECT generation, screened_out FROM {SCREENINGS}")) if self._has(SCREENINGS) else {}

    def add_screening(self, generation: int, screened_out: int) -> None:
        """Keep how many proposals of a generation were screened out, in the place of what was kept of it before."""
        with self._write():
            self._make_screening_tables()
            self._connection.execute(f"INSERT OR REPLACE INTO {SCREENINGS} VALUES (?, ?)", (generation, screened_out))

    def _has(self, table: str) -> bool:
        return bool(self._fetch("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)))

    def _make_screening_tables(self) -> None:
        for statement in SCREENING:
            self._connection.execute(statement)

    # --- time --------------------------------------------------------------------------------------------------------

    def start_clock(self, part: str, already: float = 0.0) -> None:
        """Count the time from now on, and `already` seconds before, as spent on a part of the run, such as `search`.

        It is written with whatever else is written: of a run that is killed the time up to its last write counts.
        """
        self._part, self._since = part, time.monotonic() - already
        self.tick()

    def tick(self) -> None:
        """Write the time that was spent so far."""
        with self._write():
            pass

    def stop_clock(self) -> None:
        """Count no further time."""
        self.tick()
        self._part = ""

    def seconds(self, part: str | None = None) -> float:
        """The time that was spent on a part of the run, such as `search`; None: on all of it."""
        return float(self._fetch("SELECT total(seconds) FROM clock WHERE ? IN (part, '')", (part or "",))[0][0])

    def back_up(self) -> None:
        """Copy the file, as it stands, to `<name>.backup`; the copy is whole or absent."""
        place = backup_path(self.path)
        try:
            with naming_file(self.path), replacing(place) as beside, closing(sqlite3.connect(beside)) as copy:
                self._connection.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, without others beside it
        except OutputError as error:
            raise StoreError(str(error)) from None

    # --- access ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _write(self) -> Iterator[None]:
        with naming_file(self.path), transaction(self._connection):
            yield
            if self._part:
                now = time.monotonic()
                self._connection.execute(
                    "INSERT INTO clock VALUES (?, ?)"
                    " ON CONFLICT (part) DO UPDATE SET seconds = seconds + excluded.seconds",
                    (self._part, now - self._since),
                )
                self._since = now

    def _fetch(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with naming_file(self.path):
            return self._connection.execute(query, values).fetchall()

    def _records(self, table: str, kind: type[Record], order: str) -> list[Record]:
        rows = self._fetch(select(kind, table, order))
        try:
            return list(decode(kind, rows))
        except (ValueError, TypeError) as error:
            raise StoreError(f"{self.path}: the table {table} is damaged: {error}; {ADVICE}") from None
