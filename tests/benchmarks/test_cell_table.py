"""The table of cells: drawn the same each time, taken up where it was stopped, and read by ranks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import cell_table
from cell_table import Task, draw, report, tasks
from neat_deep.base.errors import DataError
from neat_deep.data import DataSettings, DataSpec
from neat_deep.space.architecture import Skeleton
from neat_deep.training.settings import TrainingSettings


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard error of a rank correlation is not what these tests are about."""
    monkeypatch.setattr(cell_table, "BOOTSTRAPS", 30)


def test_cells_are_different_of_each_size_and_drawn_the_same_each_time() -> None:
    space = tasks("data")["cifar10"].space
    first, again = list(draw(space, 24, seed=1)), list(draw(space, 24, seed=1))
    assert first == again
    assert len({cell.digest() for _, cell in first}) == 24
    assert [len(cell.nodes) for _, cell in first] == [1, 2, 3, 4, 5, 6] * 4
    assert {drawn for drawn, _ in first} == {"random", "mutated"}


def row(full: float, short: float, parameters: int, again: float | None = None) -> dict[str, Any]:
    """A finished row whose trainings ended at these accuracies."""

    def outcome(accuracy: float, epochs: int) -> dict[str, Any]:
        return {"losses": [1 - accuracy] * epochs, "validation": [0.1] * (epochs - 1) + [accuracy], "seconds": epochs}

    trainings = {f"short {epochs} seed 1": outcome(short, epochs) for epochs in (1, 2, 4, 8)}
    trainings["full 3 seed 1"] = outcome(full, 3)
    if again is not None:
        trainings["full 3 seed 2"] = outcome(again, 3)
    return {"wanted": list(trainings), "trainings": trainings, "parameters": parameters, "macs": 1}


def test_the_report_ranks_each_signal_against_full_training() -> None:
    rows = [row(0.5, 0.1, 9, 0.5), row(0.6, 0.2, 8, 0.7), row(0.7, 0.3, 7, 0.6), row(0.8, 0.4, 6), row(0.9, 0.5, 5)]
    unfinished = {"wanted": ["full 3 seed 1"], "trainings": {}, "parameters": 1, "macs": 1}
    figures = report({"cells": dict(enumerate([*rows, unfinished]))}, classes=20)
    signal = figures["accuracy, short training of 4"]
    assert signal["rho"] == pytest.approx(1)
    assert (signal["seconds"], signal["cells"]) == (4, 5)
    assert figures["sum of losses, short training of 1"]["rho"] == pytest.approx(1)
    assert "multiply-accumulates" not in figures  # all alike
    assert figures["parameters"]["rho"] == pytest.approx(-1)
    assert figures["full training, another seed"]["rho"] == pytest.approx(0.5)
    assert figures["full training, another seed"]["cells"] == 3


def test_a_training_that_failed_is_the_worst() -> None:
    rows = [row(0.9, 0.3, 1), row(0.6, 0.4, 1), row(0.7, 0.5, 1), row(0.8, 0.6, 1)]
    rows[0]["trainings"]["full 3 seed 1"] = {"losses": [], "validation": [], "seconds": 0.0, "reason": "diverged"}
    figures = report({"cells": dict(enumerate(rows))}, classes=20)
    assert figures["accuracy, short training of 1"]["rho"] == pytest.approx(1)


def test_cells_that_learn_nothing_are_ranked_apart() -> None:
    """That they are worse is told by any signal, and says nothing of how it ranks the others."""
    dead = [row(0.1, 0.11, 1), row(0.1, 0.12, 1), row(0.1, 0.1, 1)]
    living = [row(0.6, 0.5, 2), row(0.7, 0.4, 2), row(0.8, 0.3, 2)]
    signal = report({"cells": dict(enumerate(dead + living))}, classes=10)["accuracy, short training of 8"]
    assert (signal["rho"], signal["cells"]) == (pytest.approx(-1), 3)
    assert signal["rho_of_all"] > 0


def test_cells_that_learn_nothing_come_last_and_nothing_twice() -> None:
    """Also what is under way, and not yet in the table, is handed out once."""
    task = tasks("data")["cifar10"]
    table = cell_table._new(task, cell_table._parse(["--cells", "12", "--twice", "2"]))
    for number, row in enumerate(table["cells"].values()):
        row |= {"parameters": 1, "macs": 1, "dead": number in (3, 9)}
    done: list[Any] = []
    spec = DataSpec("pictures", 2, 10, tuple("abcdefghij"), (3, 8, 8), (0.5,) * 3, (0.5,) * 3)
    for training in cell_table._missing(table, spec):
        done.append(training)
        for one in done[:-1]:  # the last is still under way
            row = table["cells"][one.digest]
            outcome = {"validation": [0.1 if row["dead"] else 0.5], "losses": [1.0], "seconds": 1}
            row["trainings"][f"{one.kind} {one.epochs} seed {one.seed}"] = outcome
    assert len(done) == len(set(done)) == sum(len(row["wanted"]) for row in table["cells"].values())
    dead = {digest for digest, row in table["cells"].items() if row["dead"]}
    assert {one.digest for one in done[-2:]} == dead and all(one.kind == "full" for one in done[-2:])


@pytest.mark.parametrize(
    ("text", "message"), [("{", "no JSON"), ('{"format": "other"}', "format: got 'other', allowed")]
)
def test_a_file_that_is_no_table(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(DataError, match=message):
        cell_table.main(["--table", str(tmp_path / "t.json"), "--report"])


@pytest.mark.slow
def test_it_is_taken_up_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Task(
        DataSettings("digits"),
        10,
        tasks("data")["cifar10"].space,
        Skeleton(channels=4, cells=1),
        60,
        TrainingSettings(batch_size=30, learning_rate=0.01),
        TrainingSettings(batch_size=64, learning_rate=0.01, epochs=2),
    )
    monkeypatch.setattr(cell_table, "SHORT_EPOCHS", (1, 2))
    monkeypatch.setattr(cell_table, "LEARNED", -1.0)  # too little to be sure of any cell
    monkeypatch.setattr(cell_table, "tasks", lambda root: {"cifar10": small})
    table = tmp_path / "t.json"
    words = ["--table", str(table), "--cells", "3", "--twice", "1"]
    options = cell_table._parse([*words, "--minutes", "0"])
    cell_table.work(cell_table._new(small, options), small, table, 0, Console())
    assert not table.exists()  # no training began
    cell_table.main(words)
    first = json.loads(table.read_text())
    assert all(set(row["wanted"]) == set(row["trainings"]) for row in first["cells"].values())
    one = next(iter(first["cells"].values()))
    assert len(one["trainings"]["full 2 seed 1"]["validation"]) == 2
    assert {"nwot", "synflow"} <= set(one["trainings"]["untrained 0 seed 1"]["signals"])
    assert "nwot, untrained" in cell_table.report(first, small.classes)
    picture = tmp_path / "signals.png"
    cell_table.main([*words, "--report", "--picture", str(picture)])
    assert picture.read_bytes().startswith(b"\x89PNG")
    removed = one["trainings"].pop("short 2 seed 1")
    table.write_text(json.dumps(first))
    cell_table.main(words)
    again = next(iter(json.loads(table.read_text())["cells"].values()))["trainings"]["short 2 seed 1"]
    assert {**again, "seconds": 0} == {**removed, "seconds": 0}
