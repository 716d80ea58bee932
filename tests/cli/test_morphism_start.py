"""`--start` of a climb by network morphism stands over the key of the INI file, and stays what it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from neat_deep.base.errors import ConfigError
from neat_deep.cli.experiment import read_run
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from tests.support.climbs import START, climb
from tests.support.toy_search import search_by_strategy


def test_the_option_stands_over_the_key(tmp_path: Path) -> None:
    asked = climb(generations=1, start="nowhere.json")
    with pytest.raises(ConfigError, match="nowhere.json"):
        search_by_strategy(tmp_path / "key", asked)
    result = search_by_strategy(tmp_path / "option", asked, start=Architecture.load(START).cell)
    with RunStore.read(tmp_path / "option") as store:
        first = store.candidates()[0]
        assert store.architecture(first.digest).cell.digest() == Architecture.load(START).cell.digest()
    assert search_by_strategy(tmp_path / "option", asked, resume=True).best.key == result.best.key


def test_a_run_goes_on_from_its_own_start_alone(tmp_path: Path) -> None:
    search_by_strategy(tmp_path, climb(generations=1))
    for options in ({}, {"start": START}):
        again = read_run(tmp_path, None, options)
        assert isinstance(again, StrategyExperiment) and again.settings.start == str(START)
    with pytest.raises(ConfigError, match="--start: got other.json, the run began from .*resnet_block.json; allow"):
        read_run(tmp_path, None, {"start": Path("other.json")})
