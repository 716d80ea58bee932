"""Minutes for a search by gradient descent: how many epochs fit, when it ends early, and what a resume knows."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import darts.plugin  # noqa: F401  registers the search `darts`, as its installation does
from darts.bilevel import search
from darts.derivation import Derived
from darts.history import EpochSummary
from darts.run_clock import RunClock
from darts.settings import DartsExperiment, DartsSettings, load_darts_experiment
from darts.time_plan import DartsPace, DartsPlan, measure_darts_pace, plan_minutes
from neat_deep.base.errors import ConfigError, SearchError
from neat_deep.config.run_settings import RunSettings
from neat_deep.data import Dataset, DataSettings
from neat_deep.search.time_plan import FINISH_SECONDS
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.settings import TrainingSettings
from tests.support.clocks import Clock
from tests.support.command import run_command
from tests.support.toy_data import SPEC, dataset, stripes

CPU = torch.device("cpu")
SETTINGS = DartsSettings(
    op_options=("none", "identity", "sep_conv_3", "max_pool_3"), nodes=2, epochs=30, weight_epochs=2, batch_size=16
)
SKELETON = Skeleton(channels=8, cells=2, reduce_after=(1,), growth=1.0)
PACE = DartsPace(weight_epoch=2.0, alpha_epoch=6.0, scoring=1.0, final_epoch=2.0, test=1.0)


def experiment(minutes: float = 2.0, epochs: int = 10, **darts: Any) -> DartsExperiment:
    return DartsExperiment(
        DataSettings("digits"),
        SKELETON,
        TrainingSettings(epochs=epochs, batch_size=16),
        replace(SETTINGS, **darts),
        RunSettings(generations=0, minutes=minutes, device="cpu"),
    )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for place in ("darts.time_plan", "darts.bilevel", "darts.run_clock"):
        monkeypatch.setattr(f"{place}.time", made)
    return made


def plan(clock: Clock, asked: DartsExperiment, repeats: int = 1, spent: float = 0.0, begun: bool = False) -> DartsPlan:
    return plan_minutes(asked, PACE, started=clock.now, spent=spent, repeats=repeats, begun=begun)


def test_the_epochs_that_fit_beside_the_final_training(clock: Clock) -> None:
    left = 120 - FINISH_SECONDS - 1 - (10 * 2 + 1)
    made = plan(clock, experiment())
    assert made.epochs == 2 + int((left - 2 * 2) / 6)
    assert made.end == clock.now + 120
    assert clock.now + left <= made.latest <= made.end - FINISH_SECONDS - 1 - 3
    assert plan(clock, experiment(), repeats=2).epochs == 2 + int((left - 21 - 2 * 2) / 6)
    clock.pass_by(60)
    assert made.left_for_training(2) == pytest.approx((60 - FINISH_SECONDS / 2) / 2)


def test_never_more_epochs_than_asked_for_and_never_fewer_than_train_alphas(clock: Clock) -> None:
    assert plan(clock, experiment(minutes=60)).epochs == 30
    assert plan(clock, experiment(minutes=60, weight_epochs=29)).epochs == 30
    assert plan(clock, experiment(minutes=1, epochs=1000, weight_epochs=10)).epochs == 11
    # A long final training gets half of the time.
    assert plan(clock, experiment(epochs=1000)).epochs == 2 + int((60 - FINISH_SECONDS - 1 - 4) / 6)


def test_a_search_that_has_begun_keeps_its_epochs(clock: Clock) -> None:
    made = plan(clock, experiment(), spent=100, begun=True)
    assert made.epochs == 30
    assert made.end == clock.now + 20
    assert made.latest <= made.end - FINISH_SECONDS - 1 - 3


@pytest.mark.parametrize("repeats", [1, 4])
def test_too_few_minutes_are_refused_with_what_would_do(clock: Clock, repeats: int) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(clock, experiment(minutes=0.2), repeats=repeats)
    message = str(caught.value)
    assert message.startswith("minutes: got 0.2, allowed: ")
    assert "3 epochs of the search take about 10 s, one epoch of the final training 2 s" in message
    least = float(message.split("allowed: ")[1].split(" ")[0])
    needed = 10 + 1 + repeats * 3 + FINISH_SECONDS
    assert needed / 60 <= least < needed / 60 + 0.11
    assert plan(clock, experiment(minutes=least), repeats=repeats).epochs == 3


@pytest.mark.parametrize(
    "changes",
    [{}, {"order": "second"}, {"sampling": "gumbel"}, {"train_subset": 20, "stop_parameter_free": 1}, {"channels": 4}],
)
def test_the_pace_is_measured_and_leaves_no_trace(changes: dict[str, Any]) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1, generator=torch.Generator().manual_seed(3))
    pace = measure_darts_pace(experiment(**changes), dataset(), CPU)
    assert pace.weight_epoch > 0 and pace.alpha_epoch > 0
    assert pace.scoring > 0
    assert 0 < pace.test < pace.final_epoch  # both from one figure, so by their number of examples
    assert torch.equal(torch.rand(1), expected)


class Slow:
    """Lets each step of the search take so many seconds."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds

    def resume(self, history: Sequence[EpochSummary]) -> None:
        pass

    def step_done(self, epoch: int, share: float, weight_loss: float, alpha_loss: float | None) -> None:
        self._clock.pass_by(self._seconds)

    def epoch_done(self, summary: EpochSummary, derived: Derived) -> None:
        pass


def untested(train: int = 64) -> Dataset:
    return Dataset(SPEC, stripes(train, 0), stripes(24, 1), lambda: stripes(0, 2))


@pytest.mark.parametrize(
    ("seconds", "epochs"),
    [(12, 6), (9.9, 4), (4.0, 2), (0.0, 2)],  # two seconds an epoch; one that would end too late does not begin
)
def test_a_search_ends_early_when_one_more_epoch_would_end_too_late(
    clock: Clock, seconds: float, epochs: int, tmp_path: Path
) -> None:
    """Though never before alphas are trained."""
    settings = replace(SETTINGS, epochs=6, weight_epochs=1)
    options: dict[str, Any] = {"device": CPU, "seed": 1, "checkpoint": tmp_path / "search.pt"}
    latest = clock.now + seconds
    result = search(settings, SKELETON, untested(), listeners=[Slow(clock, 1.0)], latest=latest, **options)
    assert len(result.history) == epochs
    assert not result.stopped_early
    if epochs < 6:  # with more time it goes on to the end that it would have had
        whole = search(settings, SKELETON, untested(), device=CPU, seed=1)
        again = search(settings, SKELETON, untested(), **options)
        assert len(again.history) == 6
        assert (again.architecture, again.supernet) == (whole.architecture, whole.supernet)


# --- the clock -------------------------------------------------------------------------------------------------------


def test_the_clock_counts_over_processes(clock: Clock, tmp_path: Path) -> None:
    first = RunClock(tmp_path, clock.now - 3)
    assert first.spent == 0
    clock.pass_by(10)
    first.tick()
    clock.pass_by(100)  # killed: what was not written is lost
    second = RunClock(tmp_path, clock.now)
    assert second.spent == 13
    clock.pass_by(2)
    assert second.seconds == 15


def test_the_threads_of_the_final_training_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = Architecture(CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),)),)), SKELETON)
    training = TrainingSettings(epochs=1)
    measured = []
    monkeypatch.setattr("neat_deep.training.retraining.fastest_threads", lambda *_: measured.append(1) or 2)
    for asked, expected in ((0, 2), (0, 2), (3, 3), (0, 3)):
        clock = RunClock(tmp_path, 0.0)
        assert clock.training_threads(asked, architecture, dataset(), training, CPU) == expected
    assert measured == [1]


@pytest.mark.parametrize("text", ["[", "[1]", '{"seconds": "long"}', "null"])
def test_a_damaged_clock_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "clock.json").write_text(text)
    with pytest.raises(SearchError, match=r"clock.json: not the clock of a run"):
        RunClock(tmp_path, 0.0)


# --- the command -----------------------------------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[2]


def small_ini(folder: Path) -> Path:
    text = (ROOT / "configs" / "digits_darts.ini").read_text()
    changes = {"op_options": "none identity sep_conv_3", "nodes": "2", "epochs": "1000", "train_subset": "100"}
    for key, value in {**changes, "weight_epochs": "1", "device": "cpu", "channels": "4"}.items():
        text, count = re.subn(rf"(?m)^(# )?{key} = .*$", f"{key} = {value}", text)
        assert count, key
    text = text.replace("epochs = 1000", "epochs = 2", 1)  # those of [Training] come first
    path = folder / "small.ini"
    path.write_text(text)
    return path


def test_a_run_of_minutes_chooses_its_epochs_and_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("darts.command_line.measure_darts_pace", lambda *_: replace(PACE, scoring=0.5, final_epoch=2.5))
    run, ini = tmp_path / "run", small_ini(tmp_path)
    options = ["--minutes", 0.5, "--threads", 1]
    assert run_command(monkeypatch, "search", ini, "--out", run, *options) == 0
    chosen = load_darts_experiment(run / "settings.ini").darts.epochs
    result = json.loads((run / "result.json").read_text())
    assert 2 <= chosen <= 4
    assert result["search_epochs"] == chosen
    assert result["training_threads"] == 1
    assert 0 < result["whole_seconds"] < 33  # half a minute, and a tenth
    spent = json.loads((run / "clock.json").read_text())["seconds"]
    assert 0 < spent <= result["whole_seconds"]
    capsys.readouterr()
    # The time that was spent counts, and the epochs stay.
    assert run_command(monkeypatch, "resume", run, "--retrainings", 2, "--minutes", spent / 60 + 0.05) == 2
    message = capsys.readouterr().err
    assert re.search(r"--minutes: got .*, allowed: .* or more \(the run has taken .* s before, start-up took", message)
    assert len(message.strip().splitlines()) == 1


def test_too_few_minutes_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(monkeypatch, "search", small_ini(tmp_path), "--out", tmp_path / "run", "--minutes", 0.01) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: --minutes: got 0.01, allowed: ")
    assert len(message.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", ["evaluations", "samples", "generations"])
def test_other_limits_are_refused_by_name(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(monkeypatch, "search", small_ini(tmp_path), f"--{option}", 5) == 2
    message = capsys.readouterr().err
    assert f"--{option}: got 5, which the strategy 'darts' does not know; allowed: " in message
    assert "--minutes" in message
