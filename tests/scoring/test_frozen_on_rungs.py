"""Word vectors that stay as they are for some epochs do so on rungs as in one training."""

from __future__ import annotations

import pytest
import torch

from neat_deep.data import Dataset, DataSpec, TextSplit
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.records import MemoryLog
from neat_deep.scoring.scorer import Scorer
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.settings import TrainingSettings

SPEC = DataSpec("words", 1, 2, ("a", "b"), (6,), (), (), vocabulary=20, vector_size=4)
SKELETON = Skeleton(rank=1, channels=8, cells=1)


def texts(seed: int) -> TextSplit:
    tokens = torch.randint(2, 20, (80,), generator=torch.Generator().manual_seed(seed))
    return TextSplit(tokens, torch.full((16,), 5), torch.arange(16) % 2, SPEC)


class Forgetful(MemoryLog):
    """Keeps no weights, as where they are too large: each rung trains from scratch."""

    def weights(self, key: str, rung: int) -> bytes | None:
        return None


def losses(log: MemoryLog, frozen: int) -> list[float]:
    """The validation losses of two networks that climb one rung."""
    data = Dataset(SPEC, texts(0), texts(1), lambda: texts(2), vectors=torch.ones(20, 4))
    fitness = FitnessSettings(epochs=4, rungs=(2,), rung_share=1.0, batch_size=8)
    scorer = Scorer(data, fitness, TrainingSettings(frozen_vectors=frozen), SKELETON, journal=log)
    cells = [CellGraph(1, (CellNode((Edge(0, op),)),)) for op in ("identity", "avg_pool_3")]
    scores = scorer.score([Candidate(number, Architecture(cell, scorer.skeleton)) for number, cell in enumerate(cells)])
    assert [score.rung for score in scores] == [1, 1]
    return [score.metrics["loss"] for score in scores]


@pytest.mark.parametrize("frozen", [0, 1, 3, 9])
def test_the_epochs_of_the_rungs_below_count(frozen: int) -> None:
    assert losses(MemoryLog(), frozen) == losses(Forgetful(), frozen)


def test_how_long_they_stay_makes_a_difference() -> None:
    assert len({tuple(losses(MemoryLog(), frozen)) for frozen in (0, 1, 3, 9)}) == 4
