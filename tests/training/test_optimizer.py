"""The optimizer: what weight decay spares."""

from __future__ import annotations

import pytest
import torch

from neat_deep.data import DataSpec
from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.optimizer import make_optimizer
from neat_deep.training.settings import OPTIMIZERS, TrainingSettings
from tests.support.toy_data import SPEC


def test_weight_decay_spares_norms_and_biases() -> None:
    cell = CellGraph(1, (CellNode((Edge(0, "sep_conv_3", "relu"), Edge(0, "dil_conv_3"))),))
    model = build_network(Architecture(cell, Skeleton(channels=8, cells=2)), SPEC, seed=0)
    decays = {
        id(p): group["weight_decay"]
        for group in make_optimizer(model, TrainingSettings(weight_decay=0.1)).param_groups
        for p in group["params"]
    }
    assert len(decays) == len(list(model.parameters()))
    for name, parameter in model.named_parameters():
        spared = "norm" in name or name.endswith("bias")
        assert decays[id(parameter)] == (0.0 if spared else 0.1), name


@pytest.mark.parametrize(("name", "nesterov"), [("sgd", False), ("nesterov", True)])
def test_nesterov_is_sgd_that_looks_ahead(name: str, nesterov: bool) -> None:
    """Against equations 3 and 4 of Sutskever et al. (2013), as torch writes them: v = m v + g; w -= r (g + m v)."""
    weight, rate, momentum = torch.nn.Linear(1, 1, bias=False), 0.1, 0.5
    optimizer = make_optimizer(
        weight, TrainingSettings(optimizer=name, learning_rate=rate, momentum=momentum, weight_decay=0.0)
    )
    w, v = weight.weight.item(), 0.0
    for gradient in (1.0, -2.0, 0.5):
        weight.weight.grad = torch.full((1, 1), gradient)
        optimizer.step()
        v = momentum * v + gradient
        w -= rate * (gradient + momentum * v if nesterov else v)
        assert weight.weight.item() == pytest.approx(w)


def test_weights_of_ngrams_have_a_group_of_their_own() -> None:
    """Without decay, and with an epsilon that keeps Adam from moving rare n-grams as far as frequent ones."""
    spec = DataSpec("words", 1, 2, ("a", "b"), (12,), (), (), vocabulary=20)
    cell = CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),)),))
    skeleton = Skeleton(rank=1, channels=8, cells=1, ngrams=2, char_ngrams=4, ngram_buckets=64)
    network = build_network(Architecture(cell, skeleton), spec, seed=0)
    for name in OPTIMIZERS:
        optimizer = make_optimizer(network, TrainingSettings(optimizer=name, weight_decay=0.1))
        groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
        assert len(groups) == len(list(network.parameters()))
        assert network.ngrams is not None and network.char_ngrams is not None
        own = groups[id(network.ngrams.weight)]
        assert own is groups[id(network.char_ngrams.weight)]
        assert own["weight_decay"] == 0 and len(own["params"]) == 2
        assert name in ("sgd", "nesterov") or own["eps"] > groups[id(network.head.linear.weight)]["eps"]
