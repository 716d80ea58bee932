"""`examples/mnist_darts.py` as a user runs it: what it leaves behind, going on, and mistakes; and its figures."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import darts.plugin  # noqa: F401  registers the search, as its installation does
from darts.history import EpochSummary, history_from_json
from darts.plots import draw_alphas, draw_curves, plot_curves
from darts.search_space import SearchSpace
from darts.settings import DartsSettings, load_darts_experiment
from neat_deep.base.errors import OutputError
from neat_deep.base.locks import lock_file
from neat_deep.space.architecture import Architecture
from neat_deep.training.trained_file import load_network
from tests.support.command import run_command
from tests.support.older_runs import without_key
from tests.support.small_experiments import small_darts_ini
from tests.support.text_files import write_sst2

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "mnist_darts.py"


def run(*options: object) -> None:
    """Run the script in this process, as `python examples/mnist_darts.py ...`."""
    runpy.run_path(str(SCRIPT))["main"]([str(option) for option in options])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("darts")
    run("--config", small_darts_ini(folder), "--out", folder / "run", "--retrainings", "2", "--device", "cpu")
    return folder / "run"


def test_a_run_leaves_what_evolution_leaves(finished: Path) -> None:
    best = Architecture.load(finished / "best.json")
    assert len(best.cell.nodes) == 2
    assert best.skeleton.channels == 4
    for name in ("best", "network", "cells/epoch_001", "cells/epoch_002"):
        assert (finished / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (finished / f"{name}.svg").read_text()
    for name in ("history", "alphas"):
        assert (finished / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (finished / "experiment.ini").is_file()
    load_network(finished / "trained.pt")
    result = json.loads((finished / "result.json").read_text())
    assert len(result["test_accuracies"]) == 2
    assert 0 <= result["inherited_accuracy"] <= 1
    assert result["search_epochs"] == 2
    assert result["samples"] == json.loads((finished / "history.json").read_text())[-1]["samples"]


def test_the_command_searches_resumes_and_reports_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--out", tmp_path / "run", "--device", "cpu", "--seed", 5)
    assert run_command(monkeypatch, "search", small_darts_ini(tmp_path), *options) == 0
    assert "searching on digits" in capsys.readouterr().out
    written = (tmp_path / "run" / "best.json").read_text()
    assert "Use the trained network" in (tmp_path / "run" / "report.html").read_text()
    result = (tmp_path / "run" / "result.json").read_bytes()
    assert run_command(monkeypatch, "resume", tmp_path / "run", *options, "--dataset", "digits", "--threads", 1) == 0
    assert "its best network is trained and tested (result.json); --retrainings" in capsys.readouterr().out
    assert (tmp_path / "run" / "result.json").read_bytes() == result  # the test set is not read again
    assert run_command(monkeypatch, "resume", tmp_path / "run", "--minutes", 30) == 0  # no epoch is left for them
    assert (tmp_path / "run" / "result.json").read_bytes() == result
    assert run_command(monkeypatch, "resume", tmp_path / "run", *options, "--retrainings", 2) == 0
    assert "going on after epoch 2" in capsys.readouterr().out
    assert (tmp_path / "run" / "best.json").read_text() == written
    assert run_command(monkeypatch, "report", tmp_path / "run", "--out", tmp_path / "pictures") == 0
    out = capsys.readouterr().out
    epochs = history_from_json((tmp_path / "run" / "history.json").read_text())
    assert len(epochs) == 2
    assert all(f"{epoch.weight_loss:.3f}" in out and f"{epoch.samples:,}" in out for epoch in epochs)
    assert (tmp_path / "pictures" / "history.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "run" / "history.json").write_text("[{}]")
    assert run_command(monkeypatch, "report", tmp_path / "run") == 2
    assert "history.json: not the history of a search" in capsys.readouterr().err


def test_history_and_tensorboard_tell_every_epoch(finished: Path) -> None:
    history = history_from_json((finished / "history.json").read_text())
    assert [epoch.epoch for epoch in history] == [1, 2]
    assert history[0].alpha_loss is None
    assert history[1].alpha_loss is not None
    events = EventAccumulator(str(finished))
    events.Reload()
    assert [event.step for event in events.Scalars("loss/weights")] == [1, 2]
    assert [event.step for event in events.Scalars("loss/alphas")] == [2]
    assert [event.value for event in events.Scalars("search/parameter_free")] == [e.parameter_free for e in history]


def test_a_search_goes_on_where_it_stopped(tmp_path: Path, finished: Path) -> None:
    class Stopped(Exception):
        pass

    ini = small_darts_ini(tmp_path, epochs="3")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr("darts.reporting.SearchProgress.step_done", fail_at(2, Stopped))
        run("--config", ini, "--out", tmp_path / "run", "--device", "cpu", "--seed", 4)
    settings = tmp_path / "run" / "settings.ini"
    for key in ("stop_parameter_free", "identity_cap"):  # as if they had come later
        settings.write_text(without_key(settings.read_text(), "Darts", key))
    run("--resume", tmp_path / "run")  # with the options that it was begun with
    run("--config", ini, "--out", tmp_path / "unbroken", "--device", "cpu", "--seed", 4)

    def told(folder: str) -> list[EpochSummary]:
        history = history_from_json((tmp_path / folder / "history.json").read_text())
        return [replace(epoch, seconds=0.0) for epoch in history]

    assert told("run") == told("unbroken")
    assert (tmp_path / "run" / "best.json").read_text() == (tmp_path / "unbroken" / "best.json").read_text()


def test_a_run_keeps_every_setting(tmp_path: Path, finished: Path) -> None:
    """So that another default, in a later program, is not that of an earlier run."""
    kept = load_darts_experiment(finished / "settings.ini", stored=True)
    given = load_darts_experiment(small_darts_ini(tmp_path))
    assert replace(kept, run=given.run) == replace(given, data=given.data.with_whole_paths())
    assert (kept.run.seed, kept.run.device) == (given.run.seed, "cpu")
    text = (finished / "settings.ini").read_text()
    assert all(re.search(rf"(?m)^{f.name} = ", text) for f in fields(DartsSettings))


def fail_at(epoch: int, error: type[Exception]) -> object:
    """A `step_done` that raises in an epoch, as a kill between two checkpoints would."""

    def step_done(self: object, number: int, share: float, weight_loss: float, alpha_loss: float | None) -> None:
        if number == epoch:
            raise error

    return step_done


def test_the_alphas_can_start_from_an_architecture(tmp_path: Path, finished: Path) -> None:
    ini = small_darts_ini(tmp_path, weight_epochs="1", alpha_learning_rate="0.0000001")
    run("--config", ini, "--out", tmp_path / "run", "--start", finished / "best.json", "--device", "cpu")
    run("--resume", tmp_path / "run", "--device", "cpu")  # it knows its start
    assert Architecture.load(tmp_path / "run" / "best.json").cell == Architecture.load(finished / "best.json").cell


def shell(*options: object, capsys: pytest.CaptureFixture[str]) -> str:
    """Run the script as a process would, expect exit code 2 and return its one line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(SCRIPT), *(str(option) for option in options)])
        with pytest.raises(SystemExit) as exit_:
            runpy.run_path(str(SCRIPT), run_name="__main__")
    assert exit_.value.code == 2
    text = capsys.readouterr().err.strip()
    assert text.startswith("error: ")
    assert "\n" not in text
    return text


def test_a_search_has_one_writer(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(lock_file(finished / "search.pt")):
        text = shell("--resume", finished, "--retrainings", 3, capsys=capsys)
    assert "search.pt is being written by another process" in text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"nodes": "0"}, ["[Darts] nodes: got 0", "1 to 32"]),
        ({"op_options": ""}, ["[Darts] op_options: got nothing"]),
        ({"op_options": "none"}, ["[Darts] op_options: got only 'none'"]),
        ({"op_options": "sepconv_3"}, ["unknown op 'sepconv_3'", "did you mean 'sep_conv_3'"]),
        ({"op_options": "identity  sep_conv_3"}, ["[Darts] op_options: got 'identity  sep_conv_3'", "one space"]),
        ({"op_options": "identity identity"}, ["[Darts] op_options", "each name once"]),
        ({"op_options": "identity attention"}, ["[Darts]", "op_options: got 'attention'", "images"]),
        ({"activation_options": "rleu"}, ["unknown activation 'rleu'", "relu"]),
        ({"aggregation_options": "max"}, ["[Darts] aggregation_options: got 'max'", "add, mul"]),
        ({"num_inputs": "3"}, ["[Darts] num_inputs: got 3", "1 to 2"]),
        ({"output": "first"}, ["[Darts] output: got 'first'", "last, concat"]),
        ({"alpha_share": "0"}, ["[Darts] alpha_share: got 0.0"]),
        ({"alpha_share": "1"}, ["[Darts] alpha_share: got 1.0"]),
        ({"alpha_share": "0.001"}, ["[Darts] alpha_share: got 0.001", "allowed: 10 or more each"]),
        ({"weight_epochs": "2"}, ["[Darts] weight_epochs: got 2", "0 to 1"]),
        ({"order": "third"}, ["[Darts] order: got 'third'", "first, second"]),
        ({"order": "second", "sampling": "gumbel"}, ["[Darts] order: got 'second' with sampling = gumbel"]),
        ({"partial_channels": "3"}, ["[Darts]", "partial_channels: got 3", "divisor of every cell's channels"]),
        ({"train_subset": "5"}, ["[Darts]", "train_subset: got 5"]),
        ({"precision": "float16"}, ["[Darts] precision: got 'float16'", "float32, bfloat16"]),
        ({"epoch": "3"}, ["[Darts] unknown key 'epoch'", "did you mean 'epochs'"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_bad_settings_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, str], says: list[str]
) -> None:
    ini = small_darts_ini(tmp_path, **changes)
    text = shell("--config", ini, "--out", tmp_path / "run", capsys=capsys)
    for part in [str(ini), *says]:
        assert part in text
    assert not (tmp_path / "run").exists()


def test_bad_options_end_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], finished: Path) -> None:
    ini = small_darts_ini(tmp_path)
    assert "--resume" in shell("--resume", tmp_path, capsys=capsys)
    assert "--out" in shell("--resume", finished, "--out", tmp_path / "x", capsys=capsys)
    assert "cannot read INI file" in shell("--config", tmp_path / "no.ini", capsys=capsys)
    assert "--search-epochs: got 0" in shell("--config", ini, "--search-epochs", 0, capsys=capsys)
    assert "--retrainings: got 0" in shell("--config", ini, "--retrainings", 0, capsys=capsys)
    text = shell("--resume", finished, "--start", finished / "best.json", capsys=capsys)
    assert "best.json, the search in" in text and "began without one; allowed: none" in text
    other = ROOT / "configs" / "architectures" / "resnet_block.json"
    assert f"--start: {other}" in shell("--config", ini, "--start", other, capsys=capsys)
    text = shell("--resume", finished, "--seed", 7, capsys=capsys)
    assert "[Run] seed: it has 1, this search 7" in text
    text = shell("--resume", finished, "--config", small_darts_ini(tmp_path, nodes="3"), capsys=capsys)
    assert "[Darts] nodes: it has" in text


@pytest.mark.slow
def test_compiling_without_a_compiler_ends_in_one_line(tmp_path: Path) -> None:
    options = ["--config", str(small_darts_ini(tmp_path, compile="True")), "--out", str(tmp_path / "run")]
    code = (
        "import runpy, sys, torch._inductor.config as config\n"
        "config.cpp.cxx = ('/nowhere/g++',)\n"
        f"sys.argv = ['mnist_darts.py', *{options!r}]\n"
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
    )
    environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert "[Darts] compile: got True, which failed here: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("name", "candidates"), [("digits_darts", 21), ("mnist_darts", 21), ("sst2_darts", 23)])
def test_the_shipped_files_show_every_key_at_its_default(name: str, candidates: int, tmp_path: Path) -> None:
    path = ROOT / "configs" / f"{name}.ini"
    shipped = load_darts_experiment(path)
    assert len(shipped.darts.space().candidates) == candidates
    shown = re.findall(r"(?m)^(?:# )?(\w+) =(?: |$)", path.read_text().split("[Darts]")[1].split("[Run]")[0])
    foreign = set() if shipped.data.dataset == "sst2" else {"ngrams"}  # which images have none of
    assert sorted(shown) == sorted({field.name for field in fields(DartsSettings)} - foreign)
    everything_set = tmp_path / "set.ini"
    everything_set.write_text(re.sub(r"(?m)^# (?=\w+ =(?: |$))", "", path.read_text()))
    assert load_darts_experiment(everything_set) == shipped


def epochs(space: SearchSpace, count: int) -> list[EpochSummary]:
    width = len(space.candidates)
    kinds = len(space.aggregations)
    weights = [[[1 / width] * width for _ in space.edges] for _ in range(kinds)]
    return [EpochSummary(e + 1, 1.0, 0.5, None, None, 3, 1, "x", 10, 1.0, weights) for e in range(count)]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("num_inputs", [1, 2])
def test_every_edge_has_its_panel(count: int, num_inputs: int) -> None:
    space = SearchSpace(("none", "identity", "sep_conv_3"), nodes=3, num_inputs=num_inputs)
    figure = draw_alphas(space, epochs(space, count))
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == len(space.edges)
    assert all(len(axes.lines) == len(space.candidates) for axes in shown)
    assert len(draw_curves(epochs(space, count)).axes) == 3


def test_no_epoch_gives_no_figure(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no epoch"):
        plot_curves([], tmp_path / "curves.png")
    assert not list(tmp_path.iterdir())


def test_the_same_search_works_on_texts(tmp_path: Path) -> None:
    write_sst2(tmp_path)
    text = (ROOT / "configs" / "sst2_darts.ini").read_text()
    small = {"epochs": "2", "weight_epochs": "1", "nodes": "1", "channels": "8", "op_options": "identity attention"}
    for key, value in small.items():
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
    ini = tmp_path / "small.ini"
    ini.write_text(text)
    script = runpy.run_path(str(ROOT / "examples" / "sst2_darts.py"))
    script["main"](["--config", str(ini), "--data-root", str(tmp_path), "--out", str(tmp_path / "run")])
    assert Architecture.load(tmp_path / "run" / "best.json").skeleton.rank == 1
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert 0 <= result["inherited_accuracy"] <= 1
    trained = load_network(tmp_path / "run" / "trained.pt")
    assert trained.depth == Architecture.load(tmp_path / "run" / "best.json").skeleton.cells


def test_the_derived_cell_is_trained_with_the_same_file(tmp_path: Path, finished: Path) -> None:
    script = runpy.run_path(str(ROOT / "examples" / "train_architecture.py"))
    options = ["--config", small_darts_ini(tmp_path), "--epochs", 1, "--out", tmp_path / "run", "--device", "cpu"]
    script["main"]([str(finished / "best.json"), *map(str, options)])
    load_network(tmp_path / "run" / "trained.pt")
