"""Which networks of a run vote."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from neat_deep.base.errors import ConfigError
from neat_deep.cli.voting import train_ensemble
from neat_deep.data import load_dataset
from neat_deep.reports.ensemble import choose_members
from tests.support.candidate_records import row
from tests.support.example_scripts import run_example
from tests.support.toy_search import PLAIN, experiment, search


def members(count: int) -> str:
    rows = [
        replace(row("a", 10, 0.9), species=1),
        replace(row("b", 10, 0.8), species=1),
        replace(row("c", 10, 0.7), species=2),
        replace(row("d", 10, 0.6), species=1),
        replace(row("a", 10, 0.9), species=2, generation=1),
        replace(row("e", 10, None), species=3),
    ]
    return "".join(found.digest for found in choose_members(rows, count))


@pytest.mark.parametrize(("count", "chosen"), [(1, "a"), (2, "ac"), (3, "abc"), (9, "abcd")])
def test_the_best_of_each_species_come_first(count: int, chosen: str) -> None:
    assert members(count) == chosen


def test_nobody_cannot_vote() -> None:
    with pytest.raises(ConfigError, match="count: got 0, allowed: 1 or more"):
        members(0)


def test_the_script_trains_and_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = experiment(PLAIN, generations=1)
    search(tmp_path / "run", asked, data=load_dataset(asked.data))
    run_example(monkeypatch, "ensemble.py", tmp_path / "run", "--size", 2, "--epochs", 1)
    numbers = json.loads((tmp_path / "run" / "ensemble.json").read_text())
    assert len(numbers["members"]) == len(numbers["member_accuracies"]) == 2
    assert 0 < numbers["accuracy"] <= 1
    assert (tmp_path / "run" / "ensemble-2.pt").is_file()
    out = capsys.readouterr().out
    assert "ensemble" in out
    for number in (1, 2):
        assert f"network {number} of 2, epoch 1 of 1: loss " in out
    with pytest.raises(ConfigError, match=r"--size: got 500, allowed for this run: 2 to \d+, as many as were trained"):
        train_ensemble(tmp_path / "run", {"size": 500})
