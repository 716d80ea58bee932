"""The best networks of a search, trained again before one of them is the winner."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import nn

from neat_deep.base.registry import registration_scope
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.ops import FeatureSpec, register_op
from neat_deep.reports.finalists import best_networks, rank_finalists
from neat_deep.scoring.budget import Budget
from neat_deep.scoring.finalists import FinalistTrainer, Trial
from neat_deep.scoring.job import BROKEN_OFF
from neat_deep.scoring.scores import RAISED
from neat_deep.search.evolve import evolve
from neat_deep.search.result import SearchResult
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from tests.support.stopped import StoppedError
from tests.support.stored_rows import rows
from tests.support.toy_search import DATA, PLAIN, SPACE, experiment, search_by_strategy, strategy_experiment

ASKED = replace(PLAIN, finalists=3, finalist_epochs=2, finalist_seeds=2, channels=2)

pytestmark = pytest.mark.usefixtures("no_pictures")


def asked(**fitness: Any) -> StrategyExperiment:
    return strategy_experiment(replace(ASKED, **fitness), generations=2)


@pytest.fixture(scope="module")
def whole(no_pictures: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchResult]:
    folder = tmp_path_factory.mktemp("whole")
    return folder, search_by_strategy(folder, asked())


def test_the_winner_is_the_best_of_those_that_were_trained_again(whole: tuple[Path, SearchResult]) -> None:
    folder, result = whole
    assert [len(finalist.trials) for finalist in result.finalists] == [2, 2, 2]
    assert sorted(finalist.rank for finalist in result.finalists) == [1, 2, 3]
    objectives = [finalist.objective for finalist in result.finalists]
    assert None not in objectives
    assert objectives == sorted(objectives, reverse=True, key=lambda value: value or 0.0)
    assert result.best.digest == result.finalists[0].record.digest
    assert Architecture.load(folder / "best.json") == result.best.architecture
    in_search = [f.record.objective or 0.0 for f in sorted(result.finalists, key=lambda f: f.rank)]
    assert in_search == sorted(in_search, reverse=True)
    with RunStore.read(folder) as store:
        assert rank_finalists(store, asked()) == result.finalists
        scored = {row.digest: row.objective for row in store.candidates() if row.objective is not None}
        assert in_search[-1] >= sorted(scored.values(), reverse=True)[2]


def test_a_trial_is_a_training_in_full_width_of_its_own_seed(whole: tuple[Path, SearchResult]) -> None:
    _, result = whole
    made = asked()
    trainer = FinalistTrainer(DATA, made.fitness, made.training, device=torch.device("cpu"), seed=made.run.seed)
    finalist = result.finalists[0]
    assert finalist.architecture.skeleton.channels == 4
    (again,) = trainer.train([(finalist.record.digest, 2, finalist.architecture)])
    assert {**again.metrics, "seconds": 0} == {**finalist.trials[1].metrics, "seconds": 0}
    assert again.samples == finalist.trials[1].samples == 2 * len(DATA.train)
    assert finalist.trials[0].metrics["loss"] != finalist.trials[1].metrics["loss"]
    assert (
        finalist.trials[0].metrics["parameters"] > finalist.record.metrics["parameters"]
    )  # the search's networks are narrower


@pytest.mark.parametrize("written", [0, 1, 5])
def test_a_run_that_is_stopped_among_its_finalists_ends_the_same(
    whole: tuple[Path, SearchResult], written: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [written]
    write = RunStore.set_meta

    def set_meta(store: RunStore, name: str, value: str) -> None:
        if name == "finalists":
            left[0] -= 1
            if left[0] < 0:
                raise StoppedError
        write(store, name, value)

    with monkeypatch.context() as patch:
        patch.setattr(RunStore, "set_meta", set_meta)
        with pytest.raises(StoppedError):
            search_by_strategy(tmp_path, asked())
    resumed = search_by_strategy(tmp_path, asked(), resume=True)
    folder, unbroken = whole
    assert timeless(resumed) == timeless(unbroken)
    assert (tmp_path / "best.json").read_text() == (folder / "best.json").read_text()
    again = search_by_strategy(tmp_path, asked(), resume=True)  # and nothing is trained twice
    assert again.finalists == resumed.finalists


def timeless(result: SearchResult) -> list[Any]:
    return [
        (f.rank, f.record.digest, f.objective, [replace(t, seconds=0, metrics=dict(t.metrics)) for t in f.trials])
        for f in result.finalists
    ]


def test_without_finalists_nothing_changes(whole: tuple[Path, SearchResult], tmp_path: Path) -> None:
    plain = search_by_strategy(tmp_path, asked(finalists=0))
    assert plain.finalists == ()
    with RunStore.read(tmp_path) as store:
        assert (plain.best.candidate, plain.best.key) == (store.best()[-1].candidate, store.best()[-1].key)
        assert best_networks(store, 0) == []
    kept = {name: table for name, table in rows(whole[0]).items() if name not in ("meta", "clock")}
    assert {name: table for name, table in rows(tmp_path).items() if name not in ("meta", "clock")} == kept


class NarrowOnly(nn.Module):
    """Raises in a network of four channels, as one that lacks the memory for it would."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        if self.channels >= 4:
            raise RuntimeError("too wide")
        return x * self.scale


@pytest.fixture
def narrow_only() -> Iterator[None]:
    with registration_scope():

        @register_op("narrow_only", parametric=True)
        def make(spec: FeatureSpec) -> nn.Module:
            return NarrowOnly(spec.channels)

        yield


@pytest.mark.usefixtures("narrow_only")
def test_one_that_fails_comes_last_and_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    space = replace(SPACE, op_options=("narrow_only", "identity", "max_pool_3"), nodes=1)
    made = strategy_experiment(replace(ASKED, finalists=6), generations=3, space=space)
    result = search_by_strategy(tmp_path, made)
    failed = [finalist for finalist in result.finalists if finalist.objective is None]
    assert 0 < len(failed) < len(result.finalists)
    assert list(result.finalists[-len(failed) :]) == failed
    assert all("too wide" in trial.reason for finalist in failed for trial in finalist.trials)
    assert result.best.digest not in {finalist.record.digest for finalist in failed}
    assert "too wide" in caplog.text


@pytest.mark.usefixtures("narrow_only")
def test_where_all_fail_the_best_of_the_search_wins(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    space = replace(SPACE, op_options=("narrow_only",), nodes=2)
    result = search_by_strategy(tmp_path, strategy_experiment(ASKED, generations=2, space=space))
    assert result.finalists == ()
    with RunStore.read(tmp_path) as store:
        assert result.best.candidate == store.best()[-1].candidate
    assert "the best network of the search is the winner" in caplog.text


def test_finalists_that_all_raised_are_trained_when_that_is_mended(
    whole: tuple[Path, SearchResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(trainer: FinalistTrainer, trainings: Any, deadline: float | None) -> Iterator[Trial]:
        return (Trial(digest, number, RAISED, reason="the memory ran out") for digest, number, _ in trainings)

    with monkeypatch.context() as patch:
        patch.setattr(FinalistTrainer, "train", raising)
        assert search_by_strategy(tmp_path, asked()).finalists == ()
    assert timeless(search_by_strategy(tmp_path, asked(), resume=True)) == timeless(whole[1])


def test_what_the_time_is_too_short_for_is_no_finalist(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    budget = Budget(finalist_deadline=0.0)  # long ago
    result = search_by_strategy(tmp_path, asked(), budget=budget)
    assert result.finalists == ()
    assert caplog.text.count("the time was too short to train it again") == 6
    later = search_by_strategy(tmp_path, asked(), resume=True)
    assert [len(finalist.trials) for finalist in later.finalists] == [2, 2, 2]


def test_between_the_rounds_of_trainings_those_count_that_all_have(
    whole: tuple[Path, SearchResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time ends after the first training of each of the three, and one more."""
    train = FinalistTrainer.train

    def cut(trainer: FinalistTrainer, *arguments: Any) -> Iterator[Trial]:
        for place, trial in enumerate(train(trainer, *arguments)):
            yield trial if place < 4 else replace(trial, status=BROKEN_OFF, metrics={})

    with monkeypatch.context() as patch:
        patch.setattr(FinalistTrainer, "train", cut)
        result = search_by_strategy(tmp_path, asked())
    assert [len(finalist.trials) for finalist in result.finalists] == [1, 1, 1]
    first = {finalist.record.digest: finalist.trials[0].metrics["accuracy"] for finalist in whole[1].finalists}
    assert {one.record.digest: one.accuracy for one in result.finalists} == first
    assert timeless(search_by_strategy(tmp_path, asked(), resume=True)) == timeless(whole[1])


def test_evolution_has_finalists_too(tmp_path: Path) -> None:
    made = experiment(ASKED, generations=3)
    output = io.StringIO()
    result = evolve(made, DATA, tmp_path, Console(file=output, width=200))
    assert len(result.finalists) == 3
    assert Architecture.load(tmp_path / "best.json") == result.best.architecture
    assert "the best 3 networks are trained again: 6 trainings of 2 epochs" in output.getvalue()
    best = result.finalists[0]
    assert f"{100 * (best.accuracy or 0):.2f}%" in output.getvalue()
    with RunStore.read(tmp_path) as store:
        trials = json.loads(store.meta()["finalists"])
    assert {trial["number"] for trial in trials} == {1, 2}
    assert all(torch.isfinite(torch.tensor(trial["metrics"]["loss"])) for trial in trials)


@pytest.mark.slow  # starts processes
def test_two_processes_come_to_the_same(whole: tuple[Path, SearchResult], tmp_path: Path) -> None:
    made = asked()
    pooled = search_by_strategy(tmp_path, replace(made, run=replace(made.run, workers="2")))
    assert [(f.rank, f.objective) for f in pooled.finalists] == [(f.rank, f.objective) for f in whole[1].finalists]
