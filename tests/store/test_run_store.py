"""The journal of a run: what it keeps, who may open it, and what becomes of full disks and damaged pages."""

from __future__ import annotations

import json
import logging
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from neat_deep.base.errors import NeatDeepError, StoreError
from neat_deep.config.experiment_file import load_experiment, read_settings_text, settings_text, settings_values
from neat_deep.scoring.records import EvaluationRecord
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.store.file import backup_path
from neat_deep.store.records import BestRecord, CandidateRecord, GenerationRecord, SpeciesRecord
from neat_deep.store.run_store import RunStore
from tests.support.random_cells import DIGITS_INI
from tests.support.read_only import read_only

ARCHITECTURE = Architecture(CellGraph(1, (CellNode((Edge(0, "sep_conv_3", "relu"),), key=0),)))
STATES = [(json.dumps({"population": [number, "x" * 30_000]}), bytes([number]) * 5000) for number in range(3)]


def evaluation(generation: int = 0, key: str = "ab", rung: int = 0) -> EvaluationRecord:
    return EvaluationRecord(
        generation=generation,
        key=key,
        rung=rung,
        candidate=7,
        digest="ab",
        status="scored",
        metrics={"accuracy": 0.1 + 0.2, "parameters": 1234},
        samples=500,
        seconds=0.5,
    )


def figures(generation: int = 0) -> GenerationRecord:
    return GenerationRecord(
        generation=generation, finished=True, samples=500, saved_by_reuse=100, saved_by_rungs=50, seconds=1.5
    )


def record(store: RunStore, made: EvaluationRecord, weights: bytes | None = None) -> None:
    store.record(made, ARCHITECTURE, weights)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    with RunStore.create(tmp_path / "run" / "run.sqlite", {"ini": "[Data]\n"}) as made:
        yield made


def test_what_is_written_is_read_back_to_the_last_bit(store: RunStore) -> None:
    candidate = CandidateRecord(
        generation=0,
        candidate=7,
        position=0,
        species=1,
        key="ab",
        digest="ab",
        status="scored",
        rung=0,
        metrics={"accuracy": 1 / 3, "parameters": 10},
        objective=1 / 3,
        fitness=1 / 3,
        parents=(3, 1),
        seconds=0.1,
    )
    species = SpeciesRecord(
        generation=0, species=1, created=0, last_improved=0, representative=7, members=(7,), history=(0.1 + 0.2,)
    )
    best = BestRecord(generation=0, candidate=7, key="ab", digest="ab", genes="{}")
    record(store, evaluation(), b"weights")
    record(store, evaluation(rung=1))
    store.add_state(0, *STATES[0])
    store.add_generation(figures(), [candidate], [species], best)
    with RunStore.read(store.path.parent) as reader:
        assert reader.meta() == {"ini": "[Data]\n"}
        assert reader.evaluations() == [evaluation(), evaluation(rung=1)]
        assert reader.weights("ab", 0) == b"weights"
        assert reader.weights("ab", 1) is None
        assert reader.state(0) == STATES[0]
        assert reader.architecture("ab") == ARCHITECTURE
        assert reader.last_generation() == 0
        assert (reader.candidates(), reader.species(), reader.best()) == ([candidate], [species], [best])
        assert reader.generations() == [figures()]
    store.keep_weights([])
    assert store.kept_weights() == set()


def test_a_reader_sees_the_run_go_on(store: RunStore) -> None:
    with RunStore.read(store.path) as reader:
        assert reader.evaluations() == []
        record(store, evaluation())
        assert reader.evaluations() == [evaluation()]
        with pytest.raises(StoreError, match="readonly"):
            record(reader, evaluation(1))


def test_the_schema_is_the_documented_one(store: RunStore) -> None:
    document = (Path(__file__).resolve().parents[2] / "docs" / "run_store.md").read_text()
    with closing(sqlite3.connect(store.path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert tables
    for table in tables:
        assert f"| `{table}` |" in document


# --- who may open it -------------------------------------------------------------------------------------------------


def test_one_process_writes(store: RunStore) -> None:
    with pytest.raises(StoreError, match="run.sqlite is being written by another process"):
        RunStore.resume(store.path)
    store.close()
    RunStore.resume(store.path).close()


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 4")


def older(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")


def other_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE meta (name, value)")


@pytest.mark.parametrize("opening", [RunStore.resume, RunStore.read])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (newer, "run.sqlite: version: got 4, allowed: 3; a newer neat-deep wrote it"),
        (older, "run.sqlite: version: got 2, allowed: 3; an older neat-deep wrote it"),
        (other_database, "run.sqlite is not a run store of neat-deep"),
        (lambda path: path.write_text("[Data]\n"), "run.sqlite is not a run store of neat-deep: not an SQLite file"),
        (lambda path: path.write_bytes(b""), "run.sqlite is not a run store of neat-deep"),
        (lambda path: path.unlink(), "run.sqlite is not there, allowed: the folder of a search"),
    ],
    ids=["newer", "older", "other database", "text", "empty", "missing"],
)
def test_files_that_are_refused(
    store: RunStore, spoil: Callable[[Path], None], message: str, opening: Callable[[Path], RunStore]
) -> None:
    store.close()
    spoil(store.path)
    before = store.path.read_bytes() if store.path.exists() else None
    with pytest.raises(StoreError, match=message):
        opening(store.path)
    assert (store.path.read_bytes() if store.path.exists() else None) == before


def test_a_store_is_never_overwritten(store: RunStore) -> None:
    record(store, evaluation())
    with pytest.raises(StoreError, match="run.sqlite is there already"):
        RunStore.create(store.path, {})
    assert store.evaluations() == [evaluation()]


def count_in_another_process(path: Path) -> int:
    code = "import sys, neat_deep.store.run_store as r; print(len(r.RunStore.read(sys.argv[1]).evaluations()))"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_readers_take_nothing_away_from_a_writer(store: RunStore) -> None:
    """A reader in the writer's own process once dropped its locks, and the next reader unlinked its journal."""
    record(store, evaluation(0, "first"))
    with RunStore.read(store.path) as reader:
        assert len(reader.evaluations()) == 1
    assert count_in_another_process(store.path) == 1
    for number in range(20):
        record(store, evaluation(0, f"{number}"))
    assert count_in_another_process(store.path) == 21


# --- full disks and damaged pages ------------------------------------------------------------------------------------


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """No file of this process may grow beyond `limit` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_loses_only_what_did_not_fit(store: RunStore) -> None:
    record(store, evaluation())
    store.add_state(0, *STATES[0])
    message = "cannot write .*run.sqlite: .*what was stored before is whole: make room"
    with full_disk(1_000_000), pytest.raises(StoreError, match=message):
        record(store, evaluation(1), bytes(2_000_000))
    store.close()
    with RunStore.resume(store.path) as again:
        assert again.evaluations() == [evaluation()]
        assert again.state(0) == STATES[0]
        record(again, evaluation(1), bytes(2_000_000))


def test_a_disk_that_is_full_at_the_start_leaves_no_store(tmp_path: Path) -> None:
    path = tmp_path / "run" / "run.sqlite"
    with full_disk(20_000), pytest.raises(StoreError, match="cannot write .*; no run was begun: start it again when"):
        RunStore.create(path, {"ini": "x" * 50_000})
    assert not list(path.parent.glob("run.sqlite")) and not list(path.parent.glob("*-wal"))
    with RunStore.create(path, {"ini": "x" * 50_000}) as store:
        assert store.meta() == {"ini": "x" * 50_000}


def test_a_backup_that_does_not_fit_leaves_the_last_one(store: RunStore) -> None:
    store.add_state(0, *STATES[0])
    whole = backup_path(store.path).read_bytes()
    with full_disk(len(whole) // 2), pytest.raises(StoreError, match="cannot write"):
        store.back_up()
    assert backup_path(store.path).read_bytes() == whole
    assert sorted(p.name for p in store.path.parent.iterdir() if p.name.startswith(".")) == []


@pytest.mark.parametrize("filling", [b"\x00", b"\xff", b"\x5a"])
def test_any_damaged_page_costs_at_most_the_last_generation(
    tmp_path: Path, filling: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "run.sqlite"
    meta = {"ini": "x" * 9000, "settings": "y" * 9000}
    best = BestRecord(generation=0, candidate=1, key="k", digest="d", genes=json.dumps(["g" * 9000]))
    with RunStore.create(path, meta) as store:
        store.set_meta("data", "z")
        store.add_generation(figures(), [], [], best)
        for generation, state in enumerate(STATES):
            store.add_state(generation, *state)
            for number in range(40):
                record(store, evaluation(generation, f"{number}"), bytes(100))
    whole, page_size = path.read_bytes(), 4096
    damaged = noticed = 0
    for page in range(len(whole) // page_size):
        for leftover in tmp_path.glob("run.sqlite-*"):
            leftover.unlink()
        start = page * page_size
        path.write_bytes(whole[:start] + filling * page_size + whole[start + page_size :])
        caplog.clear()
        damaged += 1
        with caplog.at_level(logging.WARNING), RunStore.resume(path) as again:
            assert again.meta() == {**meta, "data": "z"}
            assert [json.loads(row.genes) for row in again.best()] == [json.loads(best.genes)]
            if caplog.records:
                noticed += 1
                assert "run.sqlite is damaged" in caplog.text
                assert "run.sqlite.damaged" in caplog.text
                assert again.state(2) == STATES[2]
                assert len(again.evaluations()) == 80
                continue
            # SQLite saw nothing wrong: then nothing that is read may be, or our own checksum says so
            found = [again.state(generation) for generation in range(3)]
            try:
                kept = [again.weights(f"{number}", 0) for number in range(40)]
            except NeatDeepError as error:
                noticed += 1
                assert "damaged; move run.sqlite.backup in its place" in str(error)
            else:
                assert found == STATES
                assert kept == [bytes(100)] * 40
                assert len(again.evaluations()) == 120
    assert noticed > damaged // 2


def test_without_a_backup_the_message_says_so(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    with RunStore.create(path, {"ini": "x" * 9000}):
        pass
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    with pytest.raises(StoreError, match=r"run.sqlite is damaged: .*; its backup does not help: .*is not there"):
        RunStore.resume(path)


# --- the settings that it holds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(DIGITS_INI.parent.glob("*_neat*.ini")), ids=lambda p: p.stem)
def test_settings_as_text_load_to_the_same_settings(path: Path) -> None:
    experiment = load_experiment(path)
    experiment.neat.pop_size = 17
    text = settings_text(experiment)
    again = read_settings_text(text)
    for part in ("data", "network", "training", "fitness", "run"):
        assert getattr(again, part) == getattr(experiment, part)
    assert again.neat.pop_size == 17
    assert settings_text(again) == text
    assert settings_values(text)["NEAT", "pop_size"] == "17"
    assert experiment.text == path.read_text()


def test_a_fact_that_is_missing_is_named(tmp_path: Path) -> None:
    with RunStore.create(tmp_path / "run.sqlite", {"ini": "text"}) as store:
        assert store.fact("ini") == "text"
        with pytest.raises(
            StoreError, match="run.sqlite does not hold the run's settings; allowed: the run of a search"
        ):
            store.fact("settings")


# --- a folder that cannot be written ---------------------------------------------------------------------------------


def copied(store: RunStore, folder: Path, *names: str) -> Path:
    """The files of a store that is being written, as a backup of a disk would hold them."""
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(store.path.with_name(name).read_bytes())
    return folder


def test_a_store_in_a_folder_that_cannot_be_written_is_read(store: RunStore) -> None:
    record(store, evaluation())
    store.close()
    folder = store.path.parent
    before = sorted(folder.iterdir())
    with read_only(folder), RunStore.read(folder) as reader:
        assert reader.evaluations() == [evaluation()]
    assert sorted(folder.iterdir()) == before


def test_one_that_was_killed_is_read_where_its_files_are_whole(store: RunStore, tmp_path: Path) -> None:
    record(store, evaluation())
    folder = copied(store, tmp_path / "copy", "run.sqlite", "run.sqlite-wal", "run.sqlite-shm")
    with read_only(folder), RunStore.read(folder) as reader:
        assert reader.evaluations() == [evaluation()]


def test_changes_that_cannot_be_merged_are_no_reason_to_look_away(store: RunStore, tmp_path: Path) -> None:
    record(store, evaluation())
    folder = copied(store, tmp_path / "copy", "run.sqlite", "run.sqlite-wal")
    with (
        read_only(folder),
        pytest.raises(
            StoreError, match=r"run.sqlite: its folder cannot be written, and SQLite has to merge run.sqlite-wal"
        ),
    ):
        RunStore.read(folder)
    with RunStore.read(folder) as reader:  # as the message says of a copy
        assert reader.evaluations() == [evaluation()]


def test_in_such_a_folder_what_is_no_store_is_still_none(tmp_path: Path) -> None:
    (tmp_path / "run.sqlite").write_text("no database, whatever it is called")
    with read_only(tmp_path), pytest.raises(StoreError, match="is not a run store of neat-deep: not an SQLite file"):
        RunStore.read(tmp_path)
