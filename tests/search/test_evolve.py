"""A search end to end, on toy data: what it finds, what it leaves behind, and that it repeats."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from neat_deep.base.errors import ArchitectureError, ConfigError, OutputError
from neat_deep.base.run_folder import new_folder
from neat_deep.config.experiment_file import Experiment, load_experiment
from neat_deep.data import Dataset, stratified_subset
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.search.evolve import evolve
from neat_deep.search.result import SearchResult
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.training.fit import evaluate
from neat_deep.training.retraining import retrain
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.trained_file import load_network
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


def test_retraining_uses_all_but_the_test_set_and_reads_that_once(finished: tuple[Path, SearchResult, str]) -> None:
    _, result, _ = finished
    data = toy_data.dataset()
    reads = []

    def read_test() -> object:
        reads.append(1)
        return toy_data.stripes(60, 2)

    watched = Dataset(data.spec, data.train, data.validation, read_test)  # type: ignore[arg-type]
    assert result.best.architecture is not None
    samples = []
    settings = TrainingSettings(epochs=2, batch_size=136)
    trained = retrain(result.best.architecture, watched, settings, device=CPU, seed=0, on_step=samples.append)  # type: ignore[arg-type]
    assert reads == [1]
    assert len(samples) == 2  # 96 + 40 examples are one batch of 136
    assert trained.test.examples == 60


def test_early_stopping_spares_the_validation_part_for_it(finished: tuple[Path, SearchResult, str]) -> None:
    _, result, _ = finished
    assert result.best.architecture is not None
    steps: list[object] = []
    settings = TrainingSettings(epochs=3, batch_size=96, early_stopping=3)
    retrain(result.best.architecture, toy_data.dataset(), settings, device=CPU, seed=0, on_step=steps.append)
    assert len(steps) == 3  # epochs of one batch: the 40 validation examples are not trained on


def test_trained_networks_are_loaded_without_running_code(
    finished: tuple[Path, SearchResult, str], tmp_path: Path
) -> None:
    _, result, _ = finished
    assert result.best.architecture is not None
    settings = TrainingSettings(epochs=1, batch_size=32)
    trained = retrain(result.best.architecture, toy_data.dataset(), settings, device=CPU, seed=0)
    trained.save(tmp_path / "trained.pt")
    loaded = load_network(tmp_path / "trained.pt")
    assert evaluate(loaded, toy_data.stripes(60, 2), device=CPU) == trained.test


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_ends_the_search_in_one_error(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "candidates.jsonl").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="cannot write .*run/candidates.jsonl: No space left on device"):
        search(tmp_path / "run")


def test_a_full_disk_under_the_trained_network_is_an_error(
    finished: tuple[Path, SearchResult, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(content: object, path: Path) -> None:
        raise RuntimeError("PytorchStreamWriter failed writing file data/3: file write failed")

    _, result, _ = finished
    assert result.best.architecture is not None
    trained = retrain(
        result.best.architecture, toy_data.dataset(), TrainingSettings(epochs=1, batch_size=32), device=CPU, seed=0
    )
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match="cannot write .*trained.pt .is the disk full.*: PytorchStreamWriter failed"):
        trained.save(tmp_path / "trained.pt")
    assert list(tmp_path.iterdir()) == []


WEIGHT = "stem.conv.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("weights"), "the file: the field 'weights' is missing"),
        (lambda c: c.update(weights=3), "the file: weights: got 3, allowed: an object"),
        (lambda c: c.update(author="me"), "the file: unknown field 'author'"),
        (lambda c: c["weights"].pop(WEIGHT), "weights: 'stem.conv.weight' is missing"),
        (lambda c: c["weights"].update(extra=torch.zeros(1)), "weights: unknown name 'extra'"),
        (lambda c: c["weights"].update({3: torch.zeros(1)}), "weights: unknown name 3"),
        (
            lambda c: c["weights"].update({WEIGHT: torch.zeros(4, 3)}),
            r"weights: stem.conv.weight: got torch.float32 of shape \(4, 3\), allowed: .* of shape \(4, 1, 3, 3\)",
        ),
        (lambda c: c["weights"].update({WEIGHT: "none"}), "weights: stem.conv.weight: got str, allowed: torch.float32"),
        (
            lambda c: c["weights"].update({WEIGHT: c["weights"][WEIGHT].long()}),
            "weights: stem.conv.weight: got torch.int64 of shape .*, allowed: torch.float32",
        ),
        (lambda c: c.update(architecture="[" * 10**5), "not JSON of ours"),
        (lambda c: c.update(architecture="{}"), "the file: the field 'format' is missing"),
        (lambda c: c.update(data="{"), "not JSON: "),
        (lambda c: c.update(data="{}"), "data: the field 'name' is missing"),
        (lambda c: c.update(data=c["data"].replace("[1, 6, 6]", "[1, 6]")), "data: got rank 2, shape .1, 6. and"),
        (
            lambda c: c.update(data=c["data"].replace("[1, 6, 6]", '"large"')),
            "data: shape: got 'large', allowed: a list",
        ),
        (lambda c: c.update(data=c["data"].replace("[1, 6, 6]", "[1, 6, null]")), "data: shape: got .*None"),
        (lambda c: c.update(data=c["data"].replace('"rank": 2', '"rank": 1')), "data: got rank 1"),
        (
            lambda c: c.update(data=c["data"].replace('classes": 2', 'classes": 0')),
            "data: got rank 2, .* and 0 classes, allowed: ",
        ),
        (
            lambda c: c.update(data=c["data"].replace('classes": 2', 'classes": 5')),
            "weights: head.linear.weight: got .*allowed: ",
        ),
    ],
)
def test_trained_networks_that_were_changed_are_refused(
    saved_content: dict[str, Any], change: Callable[[dict[str, Any]], object], message: str, tmp_path: Path
) -> None:
    content = {**saved_content, "weights": dict(saved_content["weights"])}
    change(content)
    torch.save(content, tmp_path / "changed.pt")
    with pytest.raises(ArchitectureError, match=f"changed.pt: {message}"):
        load_network(tmp_path / "changed.pt")


@pytest.fixture(scope="module")
def saved_content(finished: tuple[Path, SearchResult, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    _, result, _ = finished
    assert result.best.architecture is not None
    path = tmp_path_factory.mktemp("saved") / "trained.pt"
    settings = TrainingSettings(epochs=1, batch_size=32)
    retrain(result.best.architecture, toy_data.dataset(), settings, device=CPU, seed=0).save(path)
    load_network(path)
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a zip", "broken.pt: not a trained network"),
        (b"", "broken.pt: not a trained network"),
        (b"hello\n", "broken.pt: not a trained network"),
        (b"\x80\x02q.", "broken.pt: not a trained network"),
        (None, "cannot read trained network .*broken.pt"),
        ({"format": "other"}, "broken.pt: not a trained network of neat-deep"),
        ({"format": "neat-deep trained network", "version": 9}, "broken.pt: version: got 9, allowed: 1, 2, 3"),
    ],
)
def test_files_that_are_no_trained_networks(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "broken.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(ArchitectureError, match=message):
        load_network(path)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str, ...]]:
            return (print, ("code was run",))

    torch.save({"format": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(ArchitectureError, match="not a trained network"):
        load_network(tmp_path / "evil.pt")


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
