"""A real search by every strategy of the registry: stopped and resumed it ends the same, in one process or in two."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from neat_deep.config.stored_settings import read_settings_text
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.store.run_store import RunStore
from tests.support.every_search import asked
from tests.support.stopped import StoppedError, stop_at
from tests.support.stored_rows import rows
from tests.support.strategies import OVER_POINTS
from tests.support.toy_search import search_by_strategy

pytestmark = pytest.mark.usefixtures("no_pictures")


def stopped_at_every_few_writes(folder: Path, experiment: StrategyExperiment, seed: int) -> int:
    """Run a search that stops again and again until it ends; returns how often it stopped."""
    for step in range(1, 200):
        random.seed(step)
        torch.manual_seed(step)
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, 3 + (5 * step + seed) % 8, committed=step % 2 == 0)
            try:
                search_by_strategy(folder, experiment, resume=step > 1)
                return step - 1
            except StoppedError:
                continue
    raise AssertionError("the search does not end")


def needs(name: str) -> None:
    if name == "optuna":
        pytest.importorskip("optuna")


def test_stopped_and_resumed_a_search_ends_the_same(tmp_path: Path) -> None:
    """One strategy that needs its whole state; all of them are searched with in the slow tests."""
    experiment = asked("regularized_evolution", 2)
    search_by_strategy(tmp_path / "whole", experiment)
    assert stopped_at_every_few_writes(tmp_path / "parts", experiment, 1) > 2
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")
    with RunStore.read(tmp_path / "parts") as store:
        whole_paths = replace(experiment, data=experiment.data.with_whole_paths())
        assert replace(read_settings_text(store.fact("settings")), text="") == whole_paths


@pytest.mark.slow
@pytest.mark.parametrize("full", [False, True], ids=["plain", "rungs and inheritance"])
@pytest.mark.parametrize("name", OVER_POINTS)
def test_stopped_at_any_write_every_strategy_ends_the_same(name: str, full: bool, tmp_path: Path) -> None:
    needs(name)
    search_by_strategy(tmp_path / "whole", asked(name, 5, full))
    for seed in range(2):
        assert stopped_at_every_few_writes(tmp_path / f"parts{seed}", asked(name, 5, full), seed) > 2
        assert rows(tmp_path / f"parts{seed}") == rows(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("name", OVER_POINTS)
def test_two_processes_find_what_one_finds(name: str, tmp_path: Path) -> None:
    needs(name)
    experiment = asked(name, 3)
    search_by_strategy(tmp_path / "here", experiment)
    search_by_strategy(tmp_path / "pool", replace(experiment, run=replace(experiment.run, workers="2")))
    assert rows(tmp_path / "pool", ("settings",)) == rows(tmp_path / "here", ("settings",))


@pytest.mark.slow
def test_children_name_their_parents_in_the_store_and_inherit_from_the_generation_before(tmp_path: Path) -> None:
    search_by_strategy(tmp_path, asked("regularized_evolution", 4, full=True))
    with RunStore.read(tmp_path) as store:
        records = store.candidates()
    children = [record for record in records if record.parents]
    assert children
    assert any(record.key != record.digest for record in children)  # the key of what inherits names what it inherits
