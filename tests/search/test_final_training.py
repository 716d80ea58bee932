"""The threads of the final training: chosen once, kept, and used again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from neat_deep.config.run_settings import RunSettings
from neat_deep.search.final_training import training_threads
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.store.run_store import RunStore
from neat_deep.training.settings import TrainingSettings
from tests.support import toy_data

ARCHITECTURE = Architecture(CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),)),)), Skeleton(channels=4, cells=1))


def chosen(folder: Path, threads: int = 0) -> int:
    with RunStore.resume(folder) as store:
        run = RunSettings(threads=threads)
        training = TrainingSettings(epochs=1, batch_size=48)
        return training_threads(store, ARCHITECTURE, toy_data.dataset(), training, run, torch.device("cpu"))


def test_the_faster_number_is_kept_and_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RunStore.create(tmp_path / "run.sqlite", {}).close()
    trained_on = []

    def fastest(architecture: object, spec: object, train: object, *_: object) -> int:
        trained_on.append(len(train))  # type: ignore[arg-type]
        return 2

    monkeypatch.setattr("neat_deep.training.retraining.fastest_threads", fastest)
    assert chosen(tmp_path) == 2
    assert chosen(tmp_path) == 2
    assert trained_on == [136]  # measured once, on what the final training trains on
    assert chosen(tmp_path, threads=1) == 1  # what is asked for counts more
    assert chosen(tmp_path) == 1  # and is kept too
    assert trained_on == [136]
