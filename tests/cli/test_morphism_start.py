"""`--start` of a climb by network morphism stands over the key of the INI file, and stays what it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from neat_deep.base.errors import ConfigError
from neat_deep.cli.experiment import read_experiment, read_run
from neat_deep.config.strategy_experiment import StrategyExperiment
from tests.support.climbs import START, climb
from tests.support.toy_search import search_by_strategy

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "mnist_morphism.ini"


def test_the_option_stands_over_the_key() -> None:
    plain, given = (read_experiment(CONFIG, options) for options in ({}, {"start": Path("other.json")}))
    assert isinstance(plain, StrategyExperiment) and isinstance(given, StrategyExperiment)
    assert (plain.settings.start, given.settings.start) == ("resnet_block", "other.json")


def test_a_run_goes_on_from_its_own_start_alone(tmp_path: Path) -> None:
    search_by_strategy(tmp_path, climb(generations=1))
    for options in ({}, {"start": START}):
        again = read_run(tmp_path, None, options)
        assert isinstance(again, StrategyExperiment) and again.settings.start == str(START)
    with pytest.raises(ConfigError, match="--start: got other.json, the run began from .*resnet_block.json; allow"):
        read_run(tmp_path, None, {"start": Path("other.json")})
