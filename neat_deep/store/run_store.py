"""The journal of a run: one SQLite file that any program can read while the run goes on.

docs/run_store.md describes the tables. Every evaluation is one transaction, written as it ends; a generation is
another. The file is in write-ahead mode, so readers and the one writer do not wait for each other. Once a generation
the file is copied to `<name>.backup` by SQLite's online backup.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, TypeVar

from neat_deep.base.errors import OutputError, StoreError
from neat_deep.base.files import replacing
from neat_deep.evolution.population_state import PopulationState, from_json, to_json
from neat_deep.store.file import (
    ADVICE,
    backup_path,
    checksum_of,
    create_file,
    meta_checksum,
    naming_file,
    open_file,
    population_checksum,
    resume_file,
    store_path,
    transaction,
)
from neat_deep.store.tables import (
    CHECKSUM,
    BestRow,
    EvaluationRow,
    GenerationRow,
    GenomeRow,
    SpeciesRow,
)

Row = TypeVar("Row")


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
        """The store, to be read only, while its run may go on.

        Raises `StoreError` for a file that is missing, no run store, made by another version, or damaged.
        """
        target = store_path(path)
        connection = open_file(target, "rw", check=False)  # "ro" would leave the files of write-ahead mode behind
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

    def record(self, evaluation: EvaluationRow, weights: bytes | None = None) -> None:
        """Keep an evaluation, and the weights that it trained, in one transaction."""
        with self._write():
            _insert(self._connection, "evaluations", [evaluation])
            if weights is not None:
                row = (evaluation.key, evaluation.rung, weights, checksum_of(weights))
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
        if checksum_of(data) != checksum:
            raise StoreError(f"{self.path}: the weights of {key}, rung {rung}, are damaged; {ADVICE}")
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
        row = (state.generation, text, state.random.torch, population_checksum(text, state.random.torch))
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
        if population_checksum(text, torch_random) != checksum:
            raise StoreError(f"{self.path}: the population of generation {generation} is damaged; {ADVICE}")
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

    def _fetch(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with naming_file(self.path):
            return self._connection.execute(query, values).fetchall()

    def _rows(self, table: str, kind: type[Row], order: str) -> list[Row]:
        names = ", ".join(f.name for f in fields(kind))  # type: ignore[arg-type]
        return [kind(*row) for row in self._fetch(f"SELECT {names} FROM {table} ORDER BY {order}")]


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[Any]) -> None:
    if rows:
        places = ", ".join("?" * len(fields(rows[0])))
        names = ", ".join(f.name for f in fields(rows[0]))
        query = f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({places})"
        connection.executemany(query, [astuple(row) for row in rows])
