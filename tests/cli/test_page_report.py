"""`neat-deep report --html`: where pages go, what cannot be shown, and the page at the end of a search."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

import darts.plugin  # noqa: F401  registers the search `darts`, as its installation does
from neat_deep.base.errors import OutputError
from neat_deep.cli import result_page
from neat_deep.cli.result_page import write_page_after_search
from neat_deep.reports.html.content import RunReport
from neat_deep.reports.html.store_run import read_run
from neat_deep.store.run_store import RunStore
from tests.support.command import run_command
from tests.support.pages import darts_run, stored_run
from tests.support.read_only import read_only
from tests.support.toy_data import dataset
from tests.support.toy_search import PLAIN, experiment, strategy_experiment


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the runs `first` of neat-python and `descent` by gradient descent."""
    monkeypatch.chdir(tmp_path)
    stored_run(tmp_path / "first", experiment(PLAIN), generations=1)
    darts_run(tmp_path / "descent")
    return tmp_path


def test_a_page_is_written_into_the_folder_of_its_run_or_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in ("first", "descent"):
        assert run_command(monkeypatch, "report", "--html", run) == 0
        assert f"page: {run}/report.html (" in capsys.readouterr().out
        assert (folder / run / "report.html").stat().st_size < 3_000_000
    stored_run(folder / "second", strategy_experiment(PLAIN), generations=1)
    assert run_command(monkeypatch, "report", "--html", "first", "second", "--out", "pages") == 0
    assert [path.name for path in (folder / "pages").iterdir()] == ["comparison.html"]
    with read_only(folder / "first"):
        assert run_command(monkeypatch, "report", "--html", "first", "--out", "pages") == 0


def other_data(folder: Path) -> None:
    """A run `other` that validated on other examples."""
    stored_run(folder / "other", experiment(PLAIN), generations=1, data=dataset(train=90))


def begun(folder: Path) -> None:
    """A run `begun` that has scored nothing yet."""
    with RunStore.read(folder / "first") as store:
        meta = store.meta()
    RunStore.create(folder / "begun" / "run.sqlite", meta).close()


def other_files(folder: Path) -> None:
    """A file, an empty folder, and a search by gradient descent without an epoch."""
    (folder / "file").write_text("text")
    (folder / "empty").mkdir()
    (folder / "descent" / "history.json").unlink()


CASES = (
    ("report --html nowhere", "nowhere is not there, allowed: the folder of a search", None),
    ("report --html empty", "empty holds no run.sqlite or search.pt; allowed: the folder of a search", other_files),
    ("report --html file", "file is not a run store of neat-deep", other_files),
    ("report --html begun", "begun: nothing to show: no network of this run is scored yet; wait", begun),
    ("report --html descent", "descent: nothing to show: no epoch of this search is done yet; wait", other_files),
    ("report --html first first", "first is given twice, allowed: different runs", None),
    ("report --html first other", "the runs are on different data: first has training and validation exam", other_data),
    ("report --html first --out file", "--out: file is a file, allowed: a folder", other_files),
    ("report --html first --out /proc", "cannot write into the folder /proc: ", None),
    ("report --html first --out /proc/nowhere", "--out: cannot make the folder /proc/nowhere: ", None),
    ("report first --out file", "--out: file is a file, allowed: a folder", other_files),
    ("report first descent", "got 2 runs, allowed without --html: one; with it they are compared", None),
    ("report --html", "missing argument 'RUN...'", None),
)


@pytest.mark.parametrize(("words", "message", "prepare"), CASES)
def test_what_cannot_be_shown_ends_in_one_line(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    message: str,
    prepare: Callable[[Path], None] | None,
) -> None:
    if prepare is not None:
        prepare(folder)
    assert run_command(monkeypatch, *words.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {message}"), err
    assert err.count("\n") == 1
    assert not list(folder.rglob("*.html"))


@pytest.mark.parametrize("error", [OutputError("cannot write x: No space left on device"), KeyError("metrics")])
def test_a_page_that_fails_costs_no_result(folder: Path, caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    def fail(run: Path) -> RunReport:
        raise error

    with caplog.at_level(logging.WARNING, logger=result_page.__name__):
        write_page_after_search(folder / "first", fail)
    assert "no page of this run: " in caplog.text
    assert "its results are written" in caplog.text
    write_page_after_search(folder / "first", read_run)
    assert (folder / "first" / "report.html").is_file()
