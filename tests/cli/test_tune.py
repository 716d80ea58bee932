"""`neat-deep tune`: from an architecture or a run to a network that is trained with the settings that suit it."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from neat_deep import load_network
from neat_deep.cli import tuning
from neat_deep.data import DataSettings, load_dataset
from neat_deep.scoring.tuning import Choice
from neat_deep.search import tuning_time
from neat_deep.search.time_plan import FINISH_SECONDS
from neat_deep.search.tuning_time import TuningTime, plan_tuning
from neat_deep.space.architecture import Architecture
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.timing import PASS_SHARE, ExampleSeconds
from tests.support.command import run_command
from tests.support.folders import contents
from tests.support.small_experiments import small_darts_ini

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
    """As `train` trains it with what the tuning left: bit for bit."""
    text = (
        (here / "d.ini")
        .read_text()
        .replace("\nepochs = 2", "\nepochs = 8")
        .replace("batch_size = 64", "batch_size = 16")
    )
    (here / "d.ini").write_text(text.replace("\nlearning_rate = 0.01", "\nlearning_rate = 0.0000001"))
    tune(monkeypatch, "a.json", "--config", "d.ini", "--out", "tuned", "--threads", 1)
    found = result(here / "tuned")
    assert found["channels"] in (3, 5) and found["learning_rate"] in (0.01, 0.02)
    assert found["trials"] == 5 and found["trials_complete"] and found["training_threads"] == 1
    trials = json.loads((here / "tuned" / "tuning.json").read_text())["trials"]
    assert found["validation_accuracy"] == max(trial["accuracy"] for trial in trials)
    architecture = Architecture.load(here / "tuned" / "best.json")
    assert architecture.cell == Architecture.load(here / "a.json").cell
    assert architecture.skeleton.channels == found["channels"]

    of_the_file = "train", "tuned", "--config", "tuned/experiment.ini", "--out", "again", "--device", "cpu"
    of_the_run = "train", "tuned", "--out", "once_more", "--device", "cpu"
    of_a_training = "train", "again", "--out", "and_again", "--device", "cpu"
    one = load_network(here / "tuned" / "trained.pt").state_dict()
    for words in (of_the_file, of_the_run, of_a_training):
        assert run_command(monkeypatch, *words) == 0
        again = here / words[words.index("--out") + 1]
        assert result(again)["test_confusions"] == found["test_confusions"]
        other = load_network(again / "trained.pt").state_dict()
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_search_is_tuned_with_the_options_that_it_had(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "search", "d.ini", "--out", "run", "--workers", 0, "--device", "cpu", "--seed", 9
    assert run_command(monkeypatch, *words) == 0
    again = "run", "--networks", 2, "--trials", 8, "--out", "tuned"
    tune(monkeypatch, *again)
    whole = (here / "tuned" / "tuning.json").read_text()
    assert json.loads(whole)["asked"]["seed"] == 9
    trials = json.loads(whole)["trials"]
    assert len([trial for trial in trials if trial["rung"] == 0]) == 8

    # as if it had been stopped after five trials
    stopped = {**json.loads(whole), "trials": trials[:5]}
    (here / "tuned" / "tuning.json").write_text(json.dumps(stopped))
    capsys.readouterr()
    tune(monkeypatch, *again)
    assert "5 trials are done" in capsys.readouterr().out
    assert outcomes((here / "tuned" / "tuning.json").read_text()) == outcomes(whole)

    tune(monkeypatch, *again)
    assert "this tuning is done" in capsys.readouterr().out
    tune(monkeypatch, *again, "--retrainings", 2)  # more than was asked for
    assert len(result(here / "tuned")["test_accuracies"]) == 2

    # what else could be meant
    for mistake, says in (
        (("run", "--networks", 2, "--trials", 7, "--out", "tuned"), "[Tuning] trials: got 7, the tuning there has 8"),
        (("run", "--out", "run"), "--out: run holds something else, allowed: a new folder, or that of a tuning"),
        (("run", "--networks", 99), "--networks: got 99: the search in run scored"),
        (("a.json", "--config", "d.ini", "--networks", 2), "--networks: got 2, allowed for a file: 1"),
    ):
        before = contents(here)
        assert run_command(monkeypatch, "tune", *mistake) == 2
        assert says in capsys.readouterr().err
        assert contents(here) == before
    tune(monkeypatch, "tuned", "--trials", 2, "--out", "tuned_again")  # a tuning is the folder of a run too


def test_a_search_by_gradient_descent_is_tuned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small_darts_ini(tmp_path)
    words = "search", "small.ini", "--out", "run", "--device", "cpu", "--seed", 9, "--search-epochs", 2
    assert run_command(monkeypatch, *words) == 0
    tune(monkeypatch, "run", "--trials", 2, "--epochs", 1, "--out", "tuned")
    assert json.loads((tmp_path / "tuned" / "tuning.json").read_text())["asked"]["seed"] == 9
    assert (
        Architecture.load(tmp_path / "tuned" / "best.json").cell == Architecture.load(tmp_path / "run/best.json").cell
    )


def test_minutes_that_are_too_short_for_a_trial(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The network is trained as it is, and a later call with more time goes on."""
    with monkeypatch.context() as patch:  # the trials' time is over as soon as it begins
        patch.setattr(tuning, "plan_tuning", lambda minutes, *_, started, **__: TuningTime(started, started + 60))
        tune(monkeypatch, "a.json", "--config", "d.ini", "--out", "tuned", "--minutes", 1)
    assert "too short for a trial: the settings stay as they are" in capsys.readouterr().out
    found = result(here / "tuned")
    assert found["trials"] == 0 and not found["trials_complete"] and found["learning_rate"] == 0.01
    tune(monkeypatch, "a.json", "--config", "d.ini", "--out", "tuned")
    assert result(here / "tuned")["trials_complete"]


def test_minutes_that_are_too_short_for_an_epoch_are_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "tune", "a.json", "--config", "d.ini", "--out", "tuned", "--device", "cpu", "--minutes", 0.001
    assert run_command(monkeypatch, *words) == 2
    told = capsys.readouterr().err
    assert re.match(r"error: --minutes: got 0.001, allowed: \d+\.\d or more \(start-up took \d+ s, one epoch of", told)
    assert not (here / "tuned").exists()


@pytest.mark.parametrize(("epochs", "epoch", "share"), [(1, 0.1, 0.1), (1000, 0.1, 0.5), (1000, 0.7, 0.7)])
def test_trials_leave_the_final_training_its_time(
    epochs: int, epoch: float, share: float, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ten minutes a minute where the epochs take that, no more than half, but an epoch in any case."""
    data = load_dataset(DataSettings(dataset="digits"))
    each = (epoch * 600) / (len(data.train) + len(data.validation) + PASS_SHARE * len(data.read_test()))
    monkeypatch.setattr(tuning_time, "seconds_per_example", lambda *_: ExampleSeconds(each, PASS_SHARE * each))
    choices = [Choice(Architecture.load(here / "a.json"), 0.01, 0.01)]
    options = {"repeats": 1, "device": torch.device("cpu"), "started": time.time()}
    planned = plan_tuning(10, choices, data, TrainingSettings(epochs=epochs), **options)
    assert planned.end == options["started"] + 600
    assert planned.trials_end == pytest.approx(planned.end - share * 600 - FINISH_SECONDS)


def test_the_folder_of_a_training_of_an_earlier_version_needs_an_ini_file(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "train", "a.json", "--config", "d.ini", "--out", "trained", "--device", "cpu", "--epochs", 1
    assert run_command(monkeypatch, *words) == 0
    (here / "trained" / "experiment.ini").unlink()
    assert run_command(monkeypatch, "tune", "trained") == 2
    assert "trained holds no experiment.ini; --config names the INI file of its data" in capsys.readouterr().err


def outcomes(text: str) -> list[dict[str, Any]]:
    """The trials of a record, without the seconds that they took."""
    return [{**trial, "seconds": 0} for trial in json.loads(text)["trials"]]
