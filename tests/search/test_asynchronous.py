"""The asynchronous mode: no worker waits while there is something to propose, and no score is lost."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from neat_deep.base.errors import ConfigError, SearchError
from neat_deep.cli.run_report import report_run
from neat_deep.config.search_settings import SearchSettings
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.scoring.executors import WorkerDied
from neat_deep.scoring.inheritance import pack
from neat_deep.scoring.job import Job, JobResult
from neat_deep.scoring.scores import RAISED
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.registry import STRATEGIES
from tests.support.simulated_workers import SimulatedWorkers, search_with, uneven
from tests.support.stopped import StoppedError, stop_at
from tests.support.strategies import small_settings
from tests.support.toy_search import ALL_ON, DATA, PLAIN, SPACE, run_strategy, strategy_experiment

pytestmark = pytest.mark.usefixtures("no_pictures", "needs_optuna")

ABLE = [info.name for info in STRATEGIES.values() if info.asynchronous]
WORKERS = 3


def quickly(*names: str) -> list[Any]:
    """All that can be asynchronous; those that are not named take longer, and are searched with in the slow tests."""
    return [name if name in names else pytest.param(name, marks=pytest.mark.slow) for name in ABLE]


def asked(name: str, generations: int = 5, *, asynchronous: bool = True, **run: Any) -> StrategyExperiment:
    """A search in generations of four."""
    settings = small_settings(name)
    if name == "reinforce":
        settings = replace(settings, controller="independent")
    space = replace(SPACE, nodes=1, activation_options=("identity",)) if name == "grid" else SPACE
    made = strategy_experiment(PLAIN, generations, space=space, **run)
    search = SearchSettings(name, generation_size=4, asynchronous=asynchronous)
    return replace(made, search=search, settings=settings)


@pytest.mark.parametrize("name", quickly("random", "regularized_evolution"))
def test_no_worker_is_idle_while_there_is_something_to_propose(name: str, tmp_path: Path) -> None:
    workers = SimulatedWorkers(WORKERS, uneven)
    result = search_with(workers, tmp_path, asked(name))
    assert result.ended == "5 generations are done"
    assert len(workers.done) == len(set(workers.done)) == 20
    assert workers.most_busy == WORKERS
    last = WORKERS * 16  # at the end there is nothing more to begin
    if name != "local_search":  # which waits on a summit, until its last neighbours are known
        assert workers.idle <= last
    with RunStore.read(tmp_path) as store:
        assert [figures.finished for figures in store.generations()] == [True] * 5
        assert [record.candidate for record in store.candidates()] != list(range(20))  # in the order of their ends
        assert {record.candidate for record in store.candidates()} == set(range(20))
        assert store.meta()["repeatable"].startswith("no: it is asynchronous")


class BrokenWorkers(SimulatedWorkers):
    """Every evaluation raises."""

    def run(self, tasks: Iterable[Job]) -> Iterator[tuple[Job, JobResult | WorkerDied]]:
        for job, _ in super().run(tasks):
            yield job, JobResult(RAISED, reason="RuntimeError: broken op")


def test_a_search_in_which_everything_raises_ends_with_the_reason(tmp_path: Path) -> None:
    workers = BrokenWorkers(WORKERS, uneven)
    with pytest.raises(SearchError, match="every candidate .* failed; the first: RuntimeError: broken op"):
        search_with(workers, tmp_path, asked("random"))
    assert len(workers.done) < 4 + WORKERS


def test_a_search_in_which_everything_raised_goes_on_when_that_is_mended(tmp_path: Path) -> None:
    for resume in (False, True):  # it may take more than one try
        workers = BrokenWorkers(WORKERS, uneven)
        with pytest.raises(SearchError, match="every candidate .* failed"):
            search_with(workers, tmp_path, asked("random"), resume=resume)
        assert workers.done
    result = search_with(SimulatedWorkers(WORKERS, uneven), tmp_path, asked("random"), resume=True)
    assert result.ended == "5 generations are done"
    with RunStore.read(tmp_path) as store:
        assert sorted(record.candidate for record in store.candidates()) == list(range(20))


def test_it_takes_less_time_than_generations_do(tmp_path: Path) -> None:
    at_once, in_turn = SimulatedWorkers(WORKERS, uneven), SimulatedWorkers(WORKERS, uneven)
    search_with(at_once, tmp_path / "at once", asked("random"))
    search_with(in_turn, tmp_path / "in turn", asked("random", asynchronous=False))
    assert sorted(at_once.done) == sorted(in_turn.done)  # chance proposes the same, whatever comes first
    assert at_once.now < 0.9 * in_turn.now


@pytest.mark.parametrize("name", quickly("random"))
def test_stopped_anywhere_it_takes_up_all_that_is_stored(name: str, tmp_path: Path) -> None:
    done: list[str] = []
    for step in range(1, 60):
        workers = SimulatedWorkers(WORKERS, uneven)
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, 3 + 5 * step % 9, committed=step % 2 == 0)
            try:
                result = search_with(workers, tmp_path, asked(name), resume=step > 1)
            except StoppedError:
                continue
            finally:
                done += workers.done
        break
    assert step > 3
    assert result.ended == "5 generations are done"
    with RunStore.read(tmp_path) as store:
        records, evaluations = store.candidates(), store.evaluations()
        assert store.best()[-1].key == max(records, key=lambda record: record.objective or 0.0).key
        assert {row.candidate for row in records} == set(range(len(records)))
    assert len(records) == len(evaluations) == 20
    # Nothing that was stored is evaluated again: only what a stop took away just before it was written.
    assert len(done) <= len(evaluations) + step
    logged = [json.loads(line)["candidate"] for line in (tmp_path / "candidates.jsonl").read_text().splitlines()]
    assert sorted(logged) == list(range(20))


@pytest.mark.parametrize(("limit", "ended"), [("evaluations", "7 evaluations are done"), ("samples", "672 training")])
def test_a_budget_ends_it_and_a_larger_one_goes_on(limit: str, ended: str, tmp_path: Path) -> None:
    few, many = (
        asked("regularized_evolution", 0, **{limit: count * (96 if limit == "samples" else 1)}) for count in (7, 13)
    )
    result = search_with(SimulatedWorkers(WORKERS, uneven), tmp_path, few)
    assert result.ended.startswith(ended) and result.trained == 7
    result = search_with(SimulatedWorkers(WORKERS, uneven), tmp_path, many, resume=True)
    assert result.trained == 13 and len(result.history) == 3
    with RunStore.read(tmp_path) as store:
        assert len(store.evaluations()) == 13
        assert [figures.finished for figures in store.generations()] == [True, True, True, False]


def test_a_space_without_more_networks_ends_it(tmp_path: Path) -> None:
    space = replace(SPACE, op_options=("identity", "sep_conv_3"), activation_options=("identity",), nodes=1)
    experiment = replace(asked("random", 9), space_settings=replace(space, aggregation_options=("add",)))
    result = search_with(SimulatedWorkers(WORKERS, uneven), tmp_path, experiment)
    assert result.ended == "the strategy has nothing left to propose"
    assert result.trained == 3


@pytest.mark.slow
def test_children_inherit_from_parents_of_any_age(tmp_path: Path) -> None:
    """With real trainings, here."""
    experiment = replace(asked("regularized_evolution", 3), fitness=replace(PLAIN, inherit=True))
    run_strategy(experiment, DATA, tmp_path, Console(file=io.StringIO()))
    with RunStore.read(tmp_path) as store:
        children = [record for record in store.candidates() if record.parents]
    assert len(children) > 4
    assert all(record.key != record.digest for record in children)


def test_without_keep_parents_children_inherit_from_the_last_scores(tmp_path: Path) -> None:
    """They stand for the generation before, in a run that is stopped and taken up too."""
    experiment = asked("regularized_evolution", 6)
    search_settings = replace(experiment.search, keep_parents=False)
    experiment = replace(experiment, search=search_settings, fitness=replace(PLAIN, inherit=True))
    size, before = search_settings.generation_size, 0  # evaluations of earlier processes
    weights = pack({"stem.weight": torch.zeros(1)})
    begun_after: dict[str, int] = {}  # by the evaluation's key: how many had ended
    for step in range(5):
        workers = SimulatedWorkers(WORKERS, uneven, weights)
        with pytest.MonkeyPatch.context() as patch:
            if step < 4:
                stop_at(patch, 20, committed=True)
            with suppress(StoppedError):
                search_with(workers, tmp_path, experiment, resume=step > 0)
        begun_after |= {key: before + count for key, count in workers.taken.items()}
        with RunStore.read(tmp_path) as store:
            before, kept = len(store.candidates()), store.kept_weights()
            records = store.candidates()
    assert len(records) == 24 and len(begun_after) > len(workers.taken)
    young, old = 0, 0
    for child in records:
        # One more may have ended, if it was stored just before a stop: it then ends at once when it is asked for again.
        window = {record.candidate for record in records[: begun_after[child.key]][1 - size :]}
        if child.parents and child.parents[0] in window:
            assert child.key != child.digest
            young += 1
        else:
            old += bool(child.parents) and child.key == child.digest
    assert young > 4 and old
    assert len(kept) <= size + 2 * WORKERS  # the parents of those that are evaluated, and what they leave


def test_the_report_and_the_screen_say_that_it_cannot_be_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = io.StringIO()
    run_strategy(asked("random", 1), DATA, tmp_path, Console(file=screen, width=200))
    assert "asynchronous: this search cannot be repeated" in screen.getvalue()
    report_run(tmp_path, None)
    assert "repeatable: no: it is asynchronous" in capsys.readouterr().out


# --- who cannot ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name not in ABLE])
def test_a_strategy_of_generations_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"asynchronous: got True, allowed with strategy = {name}: False"):
        SearchSettings(name, asynchronous=True)


def test_rungs_are_refused(tmp_path: Path) -> None:
    experiment = replace(asked("random"), fitness=ALL_ON)
    with pytest.raises(ConfigError, match=r"\[Fitness\] rungs: got 1 2, allowed with \[Search\] asynchronous = True"):
        run_strategy(experiment, DATA, tmp_path / "run", Console(file=io.StringIO()))
    assert not (tmp_path / "run").exists()
