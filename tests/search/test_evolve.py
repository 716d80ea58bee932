"""A search end to end, on toy data: what it finds, what it leaves behind, and that it repeats."""

from __future__ import annotations

import io
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from neat_deep.base.errors import ConfigError, OutputError
from neat_deep.base.run_folder import new_folder
from neat_deep.config.experiment_file import Experiment, load_experiment
from neat_deep.data import Dataset, stratified_subset
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.search.evolve import evolve
from neat_deep.search.result import SearchResult
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.training.retraining import retrain
from neat_deep.training.settings import TrainingSettings
from tests.support import toy_data
from tests.support.random_cells import DIGITS_INI

CPU = torch.device("cpu")


def experiment(path: Path = DIGITS_INI, seed: int = 1) -> Experiment:
    """The digits experiment, made small."""
    loaded = load_experiment(path)
    loaded.neat.pop_size = 6
    return replace(
        loaded,
        network=Skeleton(channels=4, cells=1),
        training=TrainingSettings(epochs=2, batch_size=32),
        fitness=FitnessSettings(epochs=1, batch_size=32, learning_rate=0.02),
        run=replace(loaded.run, generations=3, seed=seed, device="cpu", workers="0"),
    )


def search(folder: Path, seed: int = 1, path: Path = DIGITS_INI) -> tuple[SearchResult, str]:
    output = io.StringIO()
    result = evolve(experiment(path, seed), toy_data.dataset(), folder, Console(file=output, width=200))
    return result, output.getvalue()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchResult, str]:
    folder = tmp_path_factory.mktemp("run")
    result, output = search(folder)
    return folder, result, output


def test_the_best_is_saved_and_drawn(finished: tuple[Path, SearchResult, str]) -> None:
    folder, result, _ = finished
    assert result.best.architecture is not None
    assert Architecture.load(folder / "best.json") == result.best.architecture
    for name in ("best", "network", "genome"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (folder / f"{name}.svg").read_text()
    assert (folder / "history.png").read_bytes().startswith(b"\x89PNG")


def test_the_history_tells_every_generation(finished: tuple[Path, SearchResult, str]) -> None:
    folder, result, output = finished
    history = json.loads((folder / "history.json").read_text())
    assert [entry["generation"] for entry in history] == [1, 2, 3]
    assert all(entry["scored"] + entry["reused"] + entry["failed"] == 6 for entry in history)
    assert max(entry["best"] for entry in history) == result.best.accuracy
    assert sum(entry["scored"] for entry in history) == result.trained
    lines = [line.split() for line in output.splitlines() if line.startswith("generation")]
    assert [line[1] for line in lines if "median" in line] == ["1", "2", "3"]
    assert sum("network" in line for line in lines) == 3 * 6  # no terminal: each network has its line
    genomes = [json.loads(line) for line in (folder / "candidates.jsonl").read_text().splitlines()]
    assert [line["generation"] for line in genomes] == [1] * 6 + [2] * 6 + [3] * 6
    assert sum(line["status"] == "reused" for line in genomes) == result.reused


def test_tensorboard_can_read_the_run(finished: tuple[Path, SearchResult, str]) -> None:
    folder, result, _ = finished
    events = EventAccumulator(str(folder))
    events.Reload()
    assert [event.step for event in events.Scalars("accuracy/best")] == [1, 2, 3]
    assert max(event.value for event in events.Scalars("accuracy/best")) == pytest.approx(result.best.accuracy)
    assert events.Images("best cell")


def without_times(folder: Path) -> list[dict[str, object]]:
    return [{**json.loads(line), "seconds": 0} for line in (folder / "candidates.jsonl").read_text().splitlines()]


def test_the_same_seed_gives_the_same_run(finished: tuple[Path, SearchResult, str], tmp_path: Path) -> None:
    folder, result, _ = finished
    random.seed(99)
    torch.manual_seed(99)
    again, _ = search(tmp_path / "again")
    assert without_times(tmp_path / "again") == without_times(folder)
    assert again.best.architecture == result.best.architecture
    search(tmp_path / "other", seed=2)
    assert without_times(tmp_path / "other") != without_times(folder)


def test_one_experiment_object_can_be_searched_twice(tmp_path: Path) -> None:
    asked = experiment()
    asked = replace(asked, run=replace(asked.run, generations=6))
    for name in ("one", "two"):
        evolve(asked, toy_data.dataset(), tmp_path / name, Console(file=io.StringIO()))
    assert without_times(tmp_path / "one") == without_times(tmp_path / "two")


def test_a_saved_configuration_gives_the_same_run(finished: tuple[Path, SearchResult, str], tmp_path: Path) -> None:
    folder, _, _ = finished
    saved = tmp_path / "saved.ini"
    load_experiment(DIGITS_INI).neat.save(saved)
    ours = DIGITS_INI.read_text().split("\n[NEAT]\n")[0] + "\n"
    saved.write_text(ours + saved.read_text())
    search(tmp_path / "again", path=saved)
    assert without_times(tmp_path / "again") == without_times(folder)


def test_a_renderer_that_fails_does_not_end_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "dot"
    broken.write_text("#!/bin/sh\necho 'Format: not recognized' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr("neat_deep.reports.pictures.render.find_renderer", lambda: str(broken))
    result, _ = search(tmp_path / "run")
    assert len(result.history) == 3
    assert (tmp_path / "run" / "best.json").is_file()
    assert "Format: not recognized" in caplog.text


def test_ops_must_suit_the_data(tmp_path: Path) -> None:
    asked = experiment()
    asked.neat.genome_config.op_options = ["identity", "attention"]
    with pytest.raises(
        ConfigError, match=r"\[CellGenome\] op_options: got 'attention', which does not support the images"
    ):
        evolve(asked, toy_data.dataset(), tmp_path / "run", Console(file=io.StringIO()))
    assert not (tmp_path / "run").exists()


def test_runs_never_overwrite_each_other(tmp_path: Path) -> None:
    assert [new_folder(tmp_path / "run").name for _ in range(3)] == ["run", "run-2", "run-3"]
    (tmp_path / "runs").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="cannot make the folder"):
        new_folder(tmp_path / "runs" / "run")


# --- retraining ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_ends_the_search_in_one_error(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "candidates.jsonl").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="cannot write .*run/candidates.jsonl: No space left on device"):
        search(tmp_path / "run")


@pytest.mark.real_data
@pytest.mark.slow
def test_mnist_in_earnest(tmp_path: Path, mnist: Dataset) -> None:
    """A hand-made architecture of this space learns real MNIST within two short epochs."""
    architecture = Architecture.load(DIGITS_INI.parent / "architectures" / "resnet_block.json")
    part = replace(mnist, train=mnist.train.subset(stratified_subset(mnist.train.labels, 12000, 0)))
    settings = TrainingSettings(epochs=2, learning_rate=0.01)
    trained = retrain(architecture, part, settings, device=CPU, seed=0)
    assert trained.test.examples == 10_000
    assert trained.test.accuracy > 0.97
