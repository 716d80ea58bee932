"""`neat-deep tune`: from an architecture or a run to a network that is trained with the settings that suit it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from neat_deep import load_network
from neat_deep.config.experiment_file import load_training_plan
from neat_deep.space.architecture import Architecture
from tests.support.command import run_command

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
SMALL = {"channels": 4, "epochs": 2, "pop_size": 5, "generations": 2, "train_subset": 60, "elitism": 1}

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with d.ini, the digits experiment in seconds, and a.json."""
    text = (CONFIGS / "digits_neat.ini").read_text()
    for key, value in SMALL.items():
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
        assert count, key
    tuning = "[Tuning]\nlearning_rates = 0.01 0.02\nweight_decays = 0.02\nchannels = 3 5\n"
    text = text.replace("[Tuning]\n", tuning).replace("dataset = digits", "dataset = digits\ntrain_limit = 200")
    (tmp_path / "d.ini").write_text(text)
    shutil.copy(CONFIGS / "architectures" / "resnet_block.json", tmp_path / "a.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def result(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return found


def tune(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    assert run_command(monkeypatch, "tune", *words, "--workers", 0, "--device", "cpu") == 0


def test_the_network_is_trained_with_the_settings_that_won(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tune(monkeypatch, "a.json", "--config", "d.ini", "--out", "tuned")
    found = result(here / "tuned")
    assert found["channels"] in (3, 5) and found["learning_rate"] in (0.01, 0.02)
    assert found["trials"] == 4 + 1
    settings = json.loads((here / "tuned" / "tuning.json").read_text())["trials"]
    assert found["validation_accuracy"] == max(trial["accuracy"] for trial in settings if trial["epochs"] == 2)
    architecture = Architecture.load(here / "tuned" / "best.json")
    assert architecture.cell == Architecture.load(here / "a.json").cell
    assert architecture.skeleton.channels == found["channels"]
    assert load_network(here / "tuned" / "trained.pt") is not None
    # what it leaves is read where an INI file is
    rest = (here / "d.ini").read_text()
    own = (here / "tuned" / "tuned.ini").read_text()
    (here / "again.ini").write_text(re.sub(r"(?s)\[Training\].*?(?=\n# What|\n\[Tuning\])", own, rest, count=1))
    plan = load_training_plan(here / "again.ini")
    assert plan.training.learning_rate == found["learning_rate"]


def test_a_search_is_tuned_from_its_folder_and_goes_on(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "search", "d.ini", "--out", "run", "--workers", 0, "--device", "cpu"
    assert run_command(monkeypatch, *words) == 0
    tune(monkeypatch, "run", "--networks", 2, "--trials", 8, "--out", "tuned")
    whole = (here / "tuned" / "tuning.json").read_text()
    trials = json.loads(whole)["trials"]
    assert len([trial for trial in trials if trial["rung"] == 0]) == 8

    def outcomes(text: str) -> list[dict[str, Any]]:
        return [{**trial, "seconds": 0} for trial in json.loads(text)["trials"]]

    # as if it had been stopped after five trials
    stopped = {**json.loads(whole), "trials": trials[:5]}
    (here / "tuned" / "tuning.json").write_text(json.dumps(stopped))
    (here / "tuned" / "result.json").unlink()
    capsys.readouterr()
    tune(monkeypatch, "run", "--networks", 2, "--trials", 8, "--out", "tuned")
    assert "5 trials are done" in capsys.readouterr().out
    assert outcomes((here / "tuned" / "tuning.json").read_text()) == outcomes(whole)

    tune(monkeypatch, "run", "--networks", 2, "--trials", 8, "--out", "tuned")
    assert "this tuning is done" in capsys.readouterr().out
    assert run_command(monkeypatch, "tune", "run", "--trials", 7, "--out", "tuned") == 2
    assert "tuned/tuning.json: it holds a tuning of other networks" in capsys.readouterr().err
