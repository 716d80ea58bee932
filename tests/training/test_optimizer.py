"""The optimizer: what weight decay spares."""

from __future__ import annotations

from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.optimizer import make_optimizer
from neat_deep.training.settings import TrainingSettings
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
