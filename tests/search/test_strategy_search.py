"""A search by a strategy: stopped and resumed it ends the same, and its budgets end it at the same evaluation."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from neat_deep.base.errors import SearchError, StoreError
from neat_deep.base.registry import registration_scope
from neat_deep.config.search_settings import SearchSettings
from neat_deep.config.stored_settings import read_settings_text
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.ops import register_op
from neat_deep.scoring.budget import Budget
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.search.result import SearchResult
from neat_deep.search.strategy_search import search as run_strategy
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.grid import GridSettings
from tests.support import toy_data, worker_tasks
from tests.support.stopped import StoppedError, stop_at
from tests.support.stored_rows import Rows, rows
from tests.support.toy_search import (
    ALL_ON,
    DATA,
    FAULTY,
    HYPERBAND,
    PLAIN,
    SPACE,
    experiment,
    search,
    search_by_strategy,
    strategy_experiment,
)


@pytest.fixture(scope="module", autouse=True)
def no_pictures() -> Iterator[None]:
    """Drawing takes most of such a small run's time, and has its own tests."""
    with pytest.MonkeyPatch.context() as patch:
        for place in ("neat_deep.reports.recorder.try_picture", "neat_deep.search.evolve.try_picture"):
            patch.setattr(place, lambda drawing, path: None)
        patch.setattr("neat_deep.reports.recorder.plot_history", lambda history, path: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def faulty_ops() -> Iterator[None]:
    with registration_scope():
        for name in ("raises", "gives_nan"):
            register_op(name, parametric=False)(getattr(worker_tasks, name))
        yield


def of(fitness: FitnessSettings, **space: Any) -> Callable[[], StrategyExperiment]:
    """An experiment, made when the faulty ops are known."""
    return lambda: strategy_experiment(fitness, space=replace(SPACE, **space))


VARIANTS = {
    "plain": of(PLAIN),
    "rungs": of(ALL_ON),
    "hyperband": of(HYPERBAND),
    "faulty": of(PLAIN, op_options=FAULTY, nodes=2),
    "two inputs": of(PLAIN, num_inputs=2),
}


@pytest.fixture(scope="module", params=VARIANTS)
def unbroken(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, StrategyExperiment]:
    """A run that was never stopped."""
    folder, asked = tmp_path_factory.mktemp("unbroken"), VARIANTS[request.param]()
    search_by_strategy(folder, asked)
    return folder, asked


@pytest.mark.parametrize("committed", [True, False], ids=["after", "instead of"])
def test_stopped_at_any_write_a_run_ends_the_same(
    unbroken: tuple[Path, StrategyExperiment], tmp_path: Path, committed: bool
) -> None:
    folder, asked = unbroken
    stops = 0
    for step in range(1, 200):
        random.seed(step)
        torch.manual_seed(step)
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, 3 + 5 * step % 8, committed=committed)
            try:
                search_by_strategy(tmp_path, asked, resume=step > 1)
                break
            except StoppedError:
                stops += 1
    assert stops > 3
    assert rows(tmp_path) == rows(folder)
    assert (tmp_path / "best.json").read_text() == (folder / "best.json").read_text()
    assert logged(tmp_path) == logged(folder)


def logged(folder: Path) -> list[dict[str, Any]]:
    return [{**json.loads(line), "seconds": 0} for line in (folder / "candidates.jsonl").read_text().splitlines()]


def test_a_run_that_is_done_is_read_again(unbroken: tuple[Path, StrategyExperiment]) -> None:
    folder, asked = unbroken
    before = rows(folder)
    again = search_by_strategy(folder, asked, resume=True)
    assert rows(folder) == before
    assert again.ended == "4 generations are done"
    assert len(again.history) == 4
    assert again.trained + again.reused + again.failed == 24
    with RunStore.read(folder) as store:
        assert (again.best.candidate, again.best.key) == (store.best()[-1].candidate, store.best()[-1].key)


@pytest.mark.slow  # as the budgets below tell it too
def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    asked = strategy_experiment(PLAIN, generations=2)
    search_by_strategy(tmp_path / "here", asked)
    search_by_strategy(tmp_path / "pool", replace(asked, run=replace(asked.run, workers="2")))
    assert without_settings(rows(tmp_path / "pool")) == without_settings(rows(tmp_path / "here"))


def without_settings(found: Rows) -> Rows:
    return {**found, "meta": [row for row in found["meta"] if row[0] != "settings"]}


def test_more_generations_may_follow(tmp_path: Path) -> None:
    search_by_strategy(tmp_path / "parts", strategy_experiment(PLAIN, generations=1))
    search_by_strategy(tmp_path / "parts", strategy_experiment(PLAIN, generations=3), resume=True)
    search_by_strategy(tmp_path / "whole", strategy_experiment(PLAIN, generations=3))
    assert without_settings(rows(tmp_path / "parts")) == without_settings(rows(tmp_path / "whole"))


def test_a_space_without_more_cells_ends_the_search(tmp_path: Path) -> None:
    space = replace(SPACE, op_options=("identity", "sep_conv_3"), activation_options=("identity",), nodes=1)
    asked = strategy_experiment(PLAIN, space=replace(space, aggregation_options=("add",)), generations=9)
    result = search_by_strategy(tmp_path, asked)
    assert result.ended == "the strategy has nothing left to propose"
    assert result.trained == 3
    before = rows(tmp_path)
    assert search_by_strategy(tmp_path, asked, resume=True).ended == result.ended
    assert rows(tmp_path) == before


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_a_strategy_remembers_is_kept_once_however_long_the_search(asynchronous: bool, tmp_path: Path) -> None:
    search_settings = SearchSettings("random", generation_size=2, asynchronous=asynchronous)
    search_by_strategy(tmp_path, replace(strategy_experiment(PLAIN, generations=2), search=search_settings))
    with RunStore.read(tmp_path) as store:
        assert store.last_generation() == 2
        for earlier in (0, 1):
            with pytest.raises(StoreError, match=f"the state of generation {earlier} is not there"):
                store.state(earlier)


def test_a_grid_says_how_many_networks_it_has(tmp_path: Path) -> None:
    space = replace(SPACE, op_options=("identity", "sep_conv_3"), activation_options=("identity",), nodes=1)
    asked = strategy_experiment(PLAIN, space=replace(space, aggregation_options=("add",)), generations=1)
    asked = replace(asked, search=SearchSettings("grid", generation_size=1), settings=GridSettings())
    screen = io.StringIO()
    run_strategy(asked, DATA, tmp_path, Console(file=screen, width=200))
    assert "the grid has 3 different networks" in screen.getvalue().splitlines()


def test_a_search_without_a_valid_network_says_so(tmp_path: Path) -> None:
    space = replace(SPACE, op_options=("gives_nan",))
    with pytest.raises(SearchError, match="no network of the search connects input to output and trains"):
        search_by_strategy(tmp_path, strategy_experiment(PLAIN, generations=1, space=space))


# --- what may not change ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("short")
    search_by_strategy(folder, strategy_experiment(PLAIN, generations=1))
    return folder


def changed(part: str, **values: Any) -> StrategyExperiment:
    asked = strategy_experiment(PLAIN, generations=1)
    return replace(asked, **{part: replace(getattr(asked, part), **values)})


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (changed("fitness", epochs=2), r"\[Fitness\] epochs: the run has '1', got '2'"),
        (changed("run", seed=9), r"\[Run\] seed: the run has '1', got '9'"),
        (changed("network", channels=5), r"\[Network\] channels: the run has '4', got '5'"),
        (changed("search", generation_size=7), r"\[Search\] generation_size: the run has '6', got '7'"),
        (changed("space_settings", nodes=5), r"\[SearchSpace\] nodes: the run has '4', got '5'"),
        (changed("space_settings", op_options=("identity",)), r"\[SearchSpace\] op_options: the run has 'identity sep"),
    ],
)
def test_other_settings_are_refused_by_name(short: Path, other: StrategyExperiment, message: str) -> None:
    before = rows(short)
    with pytest.raises(StoreError, match=message + ".*; allowed to change when a run is resumed"):
        search_by_strategy(short, other, resume=True)
    assert rows(short) == before


def test_a_run_of_neat_python_is_not_taken_up(tmp_path: Path) -> None:
    search(tmp_path, experiment(PLAIN, generations=1))
    with pytest.raises(StoreError, match=r"the run has '.*', got '.*'; allowed to change"):
        search_by_strategy(tmp_path, strategy_experiment(PLAIN), resume=True)


def test_other_data_are_refused(short: Path) -> None:
    with pytest.raises(StoreError, match="the data are not those that the run was started with"):
        search_by_strategy(
            short, strategy_experiment(PLAIN, generations=1), resume=True, data=toy_data.dataset(train=94)
        )


def test_the_stored_settings_make_the_same_experiment(short: Path) -> None:
    with RunStore.read(short) as store:
        kept = read_settings_text(store.fact("settings"))
    asked = strategy_experiment(PLAIN, generations=1)
    assert replace(kept, text="") == replace(asked, data=asked.data.with_whole_paths())


def test_a_state_of_another_strategy_is_refused(tmp_path: Path) -> None:
    search_by_strategy(tmp_path, strategy_experiment(PLAIN, generations=1))
    with RunStore.resume(tmp_path) as store:
        store.add_state(1, '{"pool": []}', b"")
    with pytest.raises(StoreError, match="not a state of this strategy: KeyError: 'random'"):
        search_by_strategy(tmp_path, strategy_experiment(PLAIN, generations=2), resume=True)


# --- budgets ---------------------------------------------------------------------------------------------------------

Run = Callable[..., SearchResult]


def by_neat(folder: Path, resume: bool = False, fitness: FitnessSettings = PLAIN, **run: Any) -> SearchResult:
    return search(folder, experiment(fitness, **{"generations": 0, **run}), resume)


def by_strategy(folder: Path, resume: bool = False, fitness: FitnessSettings = PLAIN, **run: Any) -> SearchResult:
    return search_by_strategy(folder, strategy_experiment(fitness, **{"generations": 0, **run}), resume)


def by_faulty(folder: Path, resume: bool = False, fitness: FitnessSettings = PLAIN, **run: Any) -> SearchResult:
    asked = strategy_experiment(
        fitness, **{"generations": 0, "seed": 3, **run}, space=replace(SPACE, op_options=FAULTY, nodes=1)
    )
    return search_by_strategy(folder, asked, resume)


def spent(folder: Path) -> list[tuple[str, int]]:
    with RunStore.read(folder) as store:
        return [(record.key, record.rung) for record in store.evaluations()]


@pytest.mark.parametrize(
    ("search", "limit", "count", "ended"),
    [
        (by_neat, {"evaluations": 8}, 8, "8 evaluations are done"),
        # 96 each: the last one begins below the limit
        (by_strategy, {"samples": 700}, 8, "700 training samples are seen"),
    ],
)
def test_budgets_end_at_the_same_evaluation(
    search: Run, limit: dict[str, int], count: int, ended: str, tmp_path: Path
) -> None:
    here = search(tmp_path / "here", **limit)
    pool = search(tmp_path / "pool", workers="2", **limit)
    assert here.ended == pool.ended == ended
    assert len(spent(tmp_path / "here")) == count
    assert sorted(spent(tmp_path / "here")) == sorted(spent(tmp_path / "pool"))
    assert without_settings(rows(tmp_path / "here")) == without_settings(rows(tmp_path / "pool"))
    assert here.best.key == pool.best.key


@pytest.mark.parametrize("search", [by_neat, by_strategy, by_faulty])
@pytest.mark.parametrize("fitness", [PLAIN, ALL_ON], ids=["plain", "rungs"])
@pytest.mark.parametrize(
    ("name", "less", "more"),
    [("evaluations", 5, 15), ("evaluations", 6, 15), ("samples", 400, 1500), ("evaluations", 15, 15)],
)
def test_with_a_larger_budget_a_run_goes_on_as_if_it_always_had_it(
    search: Run, fitness: FitnessSettings, name: str, less: int, more: int, tmp_path: Path
) -> None:
    """Whether the smaller one ended in the middle of a generation, or with it."""
    whole = search(tmp_path / "whole", fitness=fitness, **{name: more})
    first = search(tmp_path / "parts", fitness=fitness, **{name: less})
    then = search(tmp_path / "parts", resume=True, fitness=fitness, **{name: more})
    assert first.ended.startswith(f"{less:,} ")
    assert whole.ended == then.ended
    assert without_settings(rows(tmp_path / "parts")) == without_settings(rows(tmp_path / "whole"))
    assert (whole.trained, whole.reused, whole.failed) == (then.trained, then.reused, then.failed)
    assert (whole.samples, whole.best.key) == (then.samples, then.best.key)
    assert (tmp_path / "parts" / "best.json").read_text() == (tmp_path / "whole" / "best.json").read_text()
    assert logged(tmp_path / "parts") == logged(tmp_path / "whole")


@pytest.mark.parametrize("search", [by_strategy, by_faulty])
def test_stopped_at_any_write_a_budget_ends_at_the_same_evaluation(search: Run, tmp_path: Path) -> None:
    limit = {"samples": 1100}
    whole = search(tmp_path / "whole", **limit)
    for step in range(1, 100):
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, 2 + 5 * step % 7, committed=True)
            try:
                parts = search(tmp_path / "parts", resume=step > 1, **limit)
                break
            except StoppedError:
                continue
    assert step > 2
    assert whole.ended == parts.ended == "1,100 training samples are seen"
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")


def test_a_budget_given_by_hand_stands_over_the_settings(tmp_path: Path) -> None:
    asked = strategy_experiment(PLAIN, evaluations=20)
    result = search_by_strategy(tmp_path, asked, budget=Budget(evaluations=3))
    assert result.ended == "3 evaluations are done"
    assert len(spent(tmp_path)) == 3


def test_a_budget_below_one_evaluation_is_a_search_without_a_result(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match=r"no network .* trains \(the time for the search is spent\)"):
        search_by_strategy(tmp_path, strategy_experiment(PLAIN), budget=Budget(soft_deadline=0.0))


def test_whichever_limit_comes_first_ends_the_search(tmp_path: Path) -> None:
    asked = strategy_experiment(PLAIN, generations=1, evaluations=50)
    assert search_by_strategy(tmp_path, asked).ended == "1 generation is done"


def test_a_budget_of_evaluations_ends_where_evolution_has_nothing_new(tmp_path: Path) -> None:
    """A population whose genomes never change proposes one network for ever."""
    asked = experiment(PLAIN, generations=0, evaluations=50)
    genome = asked.neat.genome_config
    for rate in ("node_add_prob", "node_delete_prob", "conn_add_prob", "conn_delete_prob"):
        setattr(genome, rate, 0.0)
    for attribute in ("op", "activation", "aggregation"):
        setattr(genome, f"{attribute}_mutate_rate", 0.0)
    whole = search(tmp_path / "whole", asked)
    assert whole.ended.startswith("no new network in ")
    assert 0 < len(spent(tmp_path / "whole")) < 50
    again = search(tmp_path / "whole", asked, resume=True)
    assert again.ended == whole.ended
