"""Word vectors that stay as they are for some epochs, and learn after them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from neat_deep.base.errors import ConfigError
from neat_deep.data import DataSpec, TextSplit
from neat_deep.networks.cost import count_parameters
from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.fit import fit
from neat_deep.training.settings import TrainingSettings

VECTORS = DataSpec("words", 1, 2, ("a", "b"), (6,), (), (), vocabulary=20, vector_size=4)
ARCHITECTURE = Architecture(CellGraph(1, (CellNode((Edge(0, "identity"),)),)), Skeleton(rank=1, channels=8, cells=1))


def embeddings_while_training(spec: DataSpec, settings: TrainingSettings) -> list[Tensor]:
    """The embedding before the first epoch and after each; three epochs of two steps."""
    lengths = torch.full((16,), 5)
    tokens = torch.randint(2, 20, (80,), generator=torch.Generator().manual_seed(0))
    train = TextSplit(tokens, lengths, torch.arange(16) % 2, spec)
    vectors = torch.ones(20, spec.vector_size) if spec.vector_size else None
    network = build_network(ARCHITECTURE, spec, seed=0, vectors=vectors)
    trail = [network.stem.embedding.weight.detach().clone()]
    parameters = count_parameters(network)

    def note(progress: object) -> None:
        trail.append(network.stem.embedding.weight.detach().clone())

    fit(network, train, settings, device=torch.device("cpu"), seed=0, on_step=note)
    assert count_parameters(network) == parameters
    return trail[::2]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("frozen", [0, 1, 5])
def test_vectors_learn_when_they_are_released(optimizer: str, frozen: int) -> None:
    settings = TrainingSettings(epochs=3, batch_size=8, optimizer=optimizer, frozen_vectors=frozen, ema=0.5)
    trail = embeddings_while_training(VECTORS, settings)
    moved = [not torch.equal(trail[0], later) for later in trail[1:]]
    assert moved == [epoch >= frozen for epoch in range(3)]


def test_an_embedding_without_vectors_learns_at_once() -> None:
    trail = embeddings_while_training(
        replace(VECTORS, vector_size=0), TrainingSettings(epochs=3, batch_size=8, frozen_vectors=3)
    )
    assert not torch.equal(trail[0], trail[1])


def test_less_than_no_epoch_is_refused() -> None:
    with pytest.raises(ConfigError, match="frozen_vectors: got -1, allowed: 0 or more"):
        TrainingSettings(frozen_vectors=-1)
