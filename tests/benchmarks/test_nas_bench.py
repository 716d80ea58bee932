"""NAS-Bench-201 as a space and a table, and searches that are simulated on it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from random import Random

import pytest

import nas_bench_201
from nas_bench_neat import search_by_neat
from nas_bench_screening import TableScreen, search_screened
from nas_bench_signals import parameters_of
from nas_bench_table import EDGES, OPS, SHIPPED, NasBenchSpace, read_table
from neat_deep.base.errors import DataError
from tests.support.newer_neat import newer_neat

SPACE = NasBenchSpace()


def test_the_shipped_table_is_the_published_one() -> None:
    table = read_table(SHIPPED)
    assert len(table) == 15_625
    assert max(row.test for row in table.values()) == pytest.approx(94.373)  # the paper's optimum, 94.37
    assert min(row.test for row in table.values()) == pytest.approx(10.0)
    assert sum(row.seconds for row in table.values()) / len(table) == pytest.approx(109.68, abs=0.01)


def test_the_space_of_the_table() -> None:
    cells = list(SPACE.enumerate())
    assert len({SPACE.key(cell) for cell in cells}) == SPACE.count(20_000) == 15_625
    assert SPACE.count(99) == 100
    cell = SPACE.sample(Random(1))
    neighbours = SPACE.neighbours(cell)
    assert len(set(neighbours)) == len(neighbours) == len(EDGES) * (len(OPS) - 1)
    assert {SPACE.mutate(cell, Random(seed)) for seed in range(500)} == set(neighbours)
    assert len({SPACE.encode(cell) for cell in cells}) == 15_625
    assert len({len(SPACE.encode(cell)) for cell in cells}) == 1
    assert SPACE.decide(SPACE.values(cell)) == SPACE.from_json(SPACE.to_json(cell)) == cell


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column ops, c10_train_s_200, c10_val_12, c10_test_200"),
        ("ops,c10_val_12\n000000,9\n", "no column c10_train_s_200, c10_test_200"),
        ("ops,c10_train_s_200,c10_val_12,c10_test_200\n000000,1,x,3\n", "line 2 has no numbers in"),
        (
            "ops,c10_train_s_200,c10_val_12,c10_test_200\n000000,1,2,3\n",
            "15,624 cells are missing, the first",
        ),
    ],
)
def test_another_table_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / "table.csv")
    with pytest.raises(DataError, match="absent.csv.gz: the table cannot be read"):
        read_table(tmp_path / "absent.csv.gz")


def test_a_run_ends_in_time_and_repeats_itself() -> None:
    table = read_table(SHIPPED)
    for name in ("random", "local_search", "regularized_evolution", "neat"):
        first, again = (nas_bench_201.outcome(name, table, 7) for _ in range(2))
        assert (first.test, first.cells, first.curve) == (again.test, again.cells, again.curve)
        assert first.curve[-1][0] <= nas_bench_201.SECONDS
        assert 60 < first.cells < 170
        assert first.test in {row.test for row in table.values()}


def test_the_benchmark_prints_a_table_a_picture_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "curves.png"
    names = ["random", "local_search", "neat"]
    nas_bench_201.main(["--runs", "3", "--strategies", *names, "--picture", str(picture), "--json"])
    *table, line = capsys.readouterr().out.splitlines()
    figures = json.loads(line)
    assert list(figures["rows"]) == names
    assert figures["rows"]["random"]["published"] == 93.7
    assert all(90 < row["mean"] < 94.38 for row in figures["rows"].values())
    assert any("93.70" in row for row in table)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--strategies", "rando"], "unknown strategy 'rando' in --strategies; did you mean 'random'?"),
        (["--strategies", "morphism"], "unknown strategy 'morphism'"),
        (["--runs", "0"], "got 0, allowed: 1 or more"),
        (["--table", "absent.csv"], "absent.csv: the table cannot be read"),
    ],
)
def test_bad_options_are_named(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        nas_bench_201.main(words)
    assert message in capsys.readouterr().err


def test_the_networks_have_as_many_weights_as_the_published_ones() -> None:
    """Cells 421211 and 334131 of the published table."""
    assert parameters_of((4, 2, 1, 2, 1, 1)) == 129_306
    assert parameters_of((3, 3, 4, 1, 3, 1)) == 802_426


def test_evolution_runs_with_what_follows_neat_python_2_0() -> None:
    """2.1 says more of a crossover than 2.0."""

    class Counting:
        def __init__(self) -> None:
            self.known: dict[str, float] = {}

        def worth(self, cell: tuple[int, ...]) -> float:
            return self.known.setdefault(str(cell), random.random())

    judge = Counting()
    with newer_neat():
        search_by_neat(judge, seed=1)
    assert len(judge.known) > 20


@pytest.mark.parametrize("screen", [pytest.param("predictor", marks=pytest.mark.slow), "chance"])
@pytest.mark.parametrize("strategy", ["regularized_evolution", "neat"])
def test_a_screened_run_tries_no_cell_twice_and_ends_in_time(strategy: str, screen: str) -> None:
    run = nas_bench_201.Run(read_table(SHIPPED), SPACE)
    with pytest.raises(nas_bench_201.SpentError):
        search_screened(strategy, run, 1, TableScreen(run, screen, 3, {}, 0.3, 1))
    assert 11_000 < run.seconds <= 12_000
    assert len(run.known) > 60
