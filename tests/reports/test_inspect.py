"""What a run's store tells: the winner's ancestors, and the script's tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from neat_deep.base.errors import OutputError
from neat_deep.cli import run_report
from neat_deep.reports.lineage import draw_family_tree, family_tree
from neat_deep.store.records import CandidateRecord
from neat_deep.store.run_store import RunStore
from tests.support.candidate_records import row
from tests.support.command import run_command
from tests.support.example_scripts import run_example
from tests.support.read_only import read_only
from tests.support.stopped import StoppedError, stop_at
from tests.support.stored_rows import rows
from tests.support.toy_search import PLAIN, experiment, search, search_by_strategy, strategy_experiment


def genome(key: int, generation: int, parents: tuple[int, ...] = ()) -> CandidateRecord:
    return replace(row("a", 10, 0.5), candidate=key, generation=generation, parents=parents)


def test_a_family_tree_holds_each_ancestor_once() -> None:
    genomes = [
        genome(1, 0),
        genome(2, 0),
        genome(3, 1, (1, 2)),
        genome(1, 1),
        genome(4, 2, (3, 1)),
        genome(9, 2, (2,)),
    ]
    tree = family_tree(genomes, 4)
    assert [(found.candidate, found.generation) for found in tree.candidates] == [(1, 0), (2, 0), (3, 1), (4, 2)]
    assert tree.edges == ((1, 3), (1, 4), (2, 3), (3, 4))
    source = draw_family_tree(tree).source
    assert source.count("->") == 4
    assert "50.00%" in source


def test_the_script_tells_what_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    search(tmp_path / "run", experiment(PLAIN, generations=2))
    before = rows(tmp_path / "run")
    run_example(monkeypatch, "inspect_run.py", tmp_path / "run", "--out", tmp_path / "pictures")
    out = capsys.readouterr().out
    for part in ("generations", "training examples", "spared by reuse", "best: network"):
        assert part in out
    assert (tmp_path / "pictures" / "family.svg").read_text().count("<svg") == 1
    assert rows(tmp_path / "run") == before


# Before the six evaluations of a generation a random search writes its state and which weights it keeps, after them the
# generation: this many writes until five evaluations of the first are stored, and two of the second.
FIRST, SECOND = 2 + 5, 2 + 6 + 1 + 2 + 2


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[Path], str]:
    """A function that gives what the report of a run prints; the picture is not drawn."""

    def report(run: Path) -> str:
        monkeypatch.setenv("COLUMNS", "120")
        monkeypatch.setattr(run_report, "try_picture", lambda *_: None)
        run_report.report_run(run, run / "pictures")
        return capsys.readouterr().out

    return report


def stop_search(run: Path, writes: int) -> None:
    """A random search that is killed after so many writes."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(StoppedError):
        stop_at(patch, writes, committed=True)
        search_by_strategy(run, strategy_experiment(PLAIN, generations=3))


@pytest.mark.parametrize(("writes", "generation", "stored", "seen"), [(FIRST, 1, 5, 5), (SECOND, 2, 2, 8)])
def test_an_unfinished_generation_is_told_with_what_is_stored_of_it(
    writes: int,
    generation: int,
    stored: int,
    seen: int,
    tmp_path: Path,
    told: Callable[[Path], str],
) -> None:
    stop_search(tmp_path / "run", writes)
    with RunStore.read(tmp_path / "run") as store:
        evaluations, seconds = store.evaluations(), store.seconds("search")
        assert store.seconds() == seconds > 0 == store.seconds("training")
    assert len(evaluations) == seen
    out = told(tmp_path / "run")
    assert f"generation {generation} is unfinished: {stored} evaluations of it are stored" in out
    (line,) = (line for line in out.splitlines() if "(unfinished)" in line)
    cells = [cell.strip() for cell in line.strip("│ ").split("│")]
    best = max(one.metrics["accuracy"] for one in evaluations if one.generation == generation - 1)
    assert cells[:2] == [f"{generation} (unfinished)", f"{100 * best:.2f}%"]
    assert cells[4:] == ["-", str(stored), "0", "0", "-"]
    assert f"{sum(one.samples for one in evaluations):,} │" in out
    assert f"{seconds:.0f} seconds of search" in out


def test_a_generation_that_a_budget_ended_is_told_as_unfinished(tmp_path: Path, told: Callable[[Path], str]) -> None:
    search_by_strategy(tmp_path / "run", strategy_experiment(PLAIN, generations=3, evaluations=8))
    out = told(tmp_path / "run")
    assert "generation 2 is unfinished: 2 evaluations of it are stored" in out
    assert out.count("(unfinished)") == 1


def test_a_run_that_has_stored_nothing_yet_says_so(tmp_path: Path, told: Callable[[Path], str]) -> None:
    stop_search(tmp_path / "run", 1)
    assert told(tmp_path / "run") == "the first generation is unfinished, and no evaluation of it is stored yet\n"


def test_a_run_in_a_folder_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    search_by_strategy(run, strategy_experiment(PLAIN, generations=1))
    capsys.readouterr()
    with read_only(run):
        run_report.report_run(run, None)
        out = capsys.readouterr().out
        with pytest.raises(OutputError, match=f"--out: cannot make the folder {run / 'pictures'}: Permission denied"):
            run_report.report_run(run, run / "pictures")
    assert "training examples" in out
    assert f"no family tree: cannot write into the folder {run}: Permission denied; --out names" in " ".join(
        out.split()
    )
    assert capsys.readouterr().out == ""  # an option's folder is told before all else


@pytest.mark.parametrize("command", ["resume", "ensemble"])
def test_what_writes_into_a_run_says_at_once_that_it_cannot(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    search_by_strategy(run, strategy_experiment(PLAIN, generations=1))
    with read_only(run):
        assert run_command(monkeypatch, command, run) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: cannot write into the folder {run}: Permission denied")
    assert err.count("\n") == 1
