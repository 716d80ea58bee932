"""Several searches in one run: the best cell by validation is the run's, and a run that stops goes on where it was."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

import darts.plugin  # noqa: F401  registers the search, as its installation does
from darts import DartsSettings, SearchResult
from darts.derivation import Derived
from darts.restarts import search_several
from darts.searches import CellScore, write_score
from darts.settings import DartsExperiment
from neat_deep.base.errors import SearchError
from neat_deep.base.registry import registration_scope
from neat_deep.config.run_settings import RunSettings
from neat_deep.data import DataSettings
from neat_deep.ops import FeatureSpec, register_op
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.fit import Evaluation
from neat_deep.training.settings import TrainingSettings
from tests.support import toy_data
from tests.support.command import run_command
from tests.support.small_experiments import small_darts_ini

CPU = torch.device("cpu")
SKELETON = Skeleton(channels=4, cells=1)


class Silent(nn.Module):
    """Gives nothing: no network of it alone learns."""

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return 0 * x


class NoNumber(nn.Module):
    """Gives no number."""

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return x * torch.nan


@pytest.fixture(autouse=True)
def ops() -> Iterator[None]:
    with registration_scope():

        @register_op("silent", parametric=False)
        def silent(spec: FeatureSpec) -> nn.Module:
            return Silent()

        @register_op("no_number", parametric=False)
        def no_number(spec: FeatureSpec) -> nn.Module:
            return NoNumber()

        yield


def experiment(restarts: int) -> DartsExperiment:
    return DartsExperiment(
        DataSettings("digits"),
        SKELETON,
        TrainingSettings(epochs=9, batch_size=16, learning_rate=0.05),
        DartsSettings(restarts=restarts, restart_epochs=8),
        RunSettings(seed=4),
    )


class Searches:
    """Stands in for searches that derive one op each, and keeps what it was asked for."""

    def __init__(self, *ops: str, seconds: float = 0.0) -> None:
        self.ops = ops
        self.seconds = seconds
        self.asked: list[tuple[int, int, str]] = []
        self.ends: list[float | None] = []  # when each must end

    def __call__(self, number: int, seed: int, folder: Path, latest: float | None) -> SearchResult:
        self.asked.append((number, seed, folder.name))
        self.ends.append(latest)
        time.sleep(self.seconds)
        node = CellNode((Edge(0, self.ops[number - 1]),), key=0)
        cell = CellGraph(1, (node,))
        score = Evaluation(0.5, 1.0, 8)
        return SearchResult(Architecture(cell, SKELETON), Derived(cell, {}), score, None, (), "", 0.0, 0)


def several(searches: Searches, folder: Path, latest: float | None = None) -> tuple[str, list[float | None], str]:
    """The winner's op, what each cell reached, and what was told."""
    told = io.StringIO()
    wanted = experiment(len(searches.ops))
    console = Console(file=told, width=120)
    best, restarts = search_several(searches, wanted, toy_data.dataset(), CPU, folder, console, latest)
    return best.architecture.cell.nodes[0].edges[0].op, [one.accuracy for one in restarts], told.getvalue()


def test_the_best_cell_by_validation_counts(tmp_path: Path) -> None:
    searches = Searches("silent", "max_pool_3", "no_number")
    winner, accuracies, told = several(searches, tmp_path)
    assert winner == "max_pool_3"
    assert accuracies[2] is None
    assert (accuracies[1] or 0) > (accuracies[0] or 0)
    assert [number for number, *_ in searches.asked] == [1, 2, 3]
    assert [name for *_, name in searches.asked] == ["1", "2", "3"]
    seeds = [seed for _, seed, _ in searches.asked]
    assert seeds[0] == 4  # the first is the search that there would be without the others
    assert len(set(seeds)) == 3
    assert "search 3 of 3: its cell cannot be trained" in told
    assert f"search 2 of 3: its cell reaches {100 * (accuracies[1] or 0):.2f}%" in told


def test_what_was_scored_before_is_not_done_again(tmp_path: Path) -> None:
    first = several(Searches("silent", "max_pool_3"), tmp_path)
    again = Searches("silent", "max_pool_3")
    assert several(again, tmp_path) == first
    assert [number for number, *_ in again.asked] == [2]  # the winner, from its checkpoint
    assert again.ends == [0.0]  # without one epoch more, though it may have been cut short: that cell was scored


def test_cells_that_all_diverge_end_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="^the cells of all 2 searches diverge when they are trained$"):
        several(Searches("no_number", "no_number"), tmp_path)


def test_there_are_fewer_where_the_time_is_short(tmp_path: Path) -> None:
    searches = Searches("silent", "max_pool_3", seconds=0.05)
    winner, accuracies, told = several(searches, tmp_path, latest=time.time())
    assert (winner, len(accuracies)) == ("silent", 1)
    assert "the time is too short for search 2 of 2" in told


def test_a_damaged_score_is_named(tmp_path: Path) -> None:
    several(Searches("silent"), tmp_path)
    (tmp_path / "searches" / "1" / "score.json").write_text("[]")
    with pytest.raises(SearchError, match=r"score\.json: not the score of a search"):
        several(Searches("silent"), tmp_path)


@pytest.mark.usefixtures("no_pictures")
def test_a_run_of_several_searches_goes_on_and_tells_of_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stopped(Exception):
        pass

    ini = small_darts_ini(tmp_path, restarts="2", restart_epochs="1")
    options = ("--device", "cpu", "--seed", 5)
    run, whole = tmp_path / "run", tmp_path / "whole"
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr("darts.restarts.write_score", stop_at_the_second(Stopped))
        run_command(patch, "search", ini, "--out", run, *options)
    assert (run / "searches" / "2" / "search.pt").is_file()
    assert run_command(monkeypatch, "report", run) == 0
    assert run_command(monkeypatch, "resume", run) == 0
    assert run_command(monkeypatch, "search", ini, "--out", whole, *options) == 0
    assert (run / "best.json").read_text() == (whole / "best.json").read_text()
    result = json.loads((run / "result.json").read_text())
    unbroken = json.loads((whole / "result.json").read_text())
    assert (result["restarts"], result["samples"]) == (unbroken["restarts"], unbroken["samples"])
    assert len(result["restarts"]) == 2
    histories = [json.loads((whole / "searches" / number / "history.json").read_text()) for number in "12"]
    assert result["samples"] > sum(history[-1]["samples"] for history in histories)  # cells are trained to be compared
    seconds = [epoch["seconds"] for history in histories for epoch in history]
    seconds += [json.loads((whole / "searches" / number / "score.json").read_text())["seconds"] for number in "12"]
    assert unbroken["search_seconds"] == pytest.approx(sum(seconds))
    capsys.readouterr()
    assert run_command(monkeypatch, "report", whole) == 0
    told = capsys.readouterr().out
    best = max(range(2), key=lambda place: result["restarts"][place]) + 1
    history = json.loads((whole / "searches" / str(best) / "history.json").read_text())
    assert all(epoch["cell_digest"][:8] in told for epoch in history)
    assert (whole / "report.html").is_file()


def stop_at_the_second(error: type[Exception]) -> object:
    def write(folder: Path, score: CellScore) -> None:
        if folder.name == "2":
            raise error
        write_score(folder, score)

    return write
