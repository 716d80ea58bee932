"""Retraining: what it trains on, and that the test part is read once."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from neat_deep.base.errors import DataError
from neat_deep.data import Dataset
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.retraining import retrain
from neat_deep.training.settings import TrainingSettings
from tests.support import toy_data

CPU = torch.device("cpu")
ARCHITECTURE = Architecture(CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),)),)), Skeleton(channels=4, cells=1))


def test_retraining_uses_all_but_the_test_set_and_reads_that_once() -> None:
    data = toy_data.dataset()
    reads = []

    def read_test() -> object:
        reads.append(1)
        return toy_data.stripes(60, 2)

    watched = Dataset(data.spec, data.train, data.validation, read_test)  # type: ignore[arg-type]
    samples = []
    settings = TrainingSettings(epochs=2, batch_size=136)
    trained = retrain(ARCHITECTURE, watched, settings, device=CPU, seed=0, on_step=samples.append)  # type: ignore[arg-type]
    assert reads == [1]
    assert len(samples) == 2  # 96 + 40 examples are one batch of 136
    assert trained.test.examples == 60


def test_early_stopping_spares_the_validation_part_for_it() -> None:
    steps: list[object] = []
    settings = TrainingSettings(epochs=3, batch_size=96, early_stopping=3)
    retrain(ARCHITECTURE, toy_data.dataset(), settings, device=CPU, seed=0, on_step=steps.append)
    assert len(steps) == 3  # epochs of one batch: the 40 validation examples are not trained on


def test_without_a_test_part_it_trains_as_with_one() -> None:
    data = toy_data.dataset()
    settings = TrainingSettings(epochs=1, batch_size=64)
    without = retrain(ARCHITECTURE, dataclasses.replace(data, load_test=None), settings, device=CPU, seed=0)
    with_one = retrain(ARCHITECTURE, data, settings, device=CPU, seed=0)
    assert without.scored is None
    for name, weights in with_one.network.state_dict().items():
        assert torch.equal(weights, without.network.state_dict()[name]), name
    with pytest.raises(DataError, match="'stripes': it has no test part"):
        _ = without.test
    with pytest.raises(DataError, match="'stripes': it has no test part"):
        dataclasses.replace(data, load_test=None).read_test()
