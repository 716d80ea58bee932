"""Ops on more channels: the same features, each as often as it has copies."""

from __future__ import annotations

import pytest
import torch

from neat_deep.base.registry import resolve
from neat_deep.ops import FeatureSpec, get_op, list_ops
from neat_deep.ops.widening import Widening

DECLARED = [(name, rank) for name in list_ops() for rank in sorted(get_op(name).ranks)]
WIDTHS = [(16, 24, "batch"), (8, 24, "batch"), (8, 16, "layer")]  # a layer normalisation needs equally many copies


@pytest.mark.parametrize(("old", "new", "norm"), WIDTHS)
@pytest.mark.parametrize(("name", "rank"), DECLARED)
def test_a_wider_op_computes_copies(name: str, rank: int, old: int, new: int, norm: str) -> None:
    info = get_op(name)
    torch.manual_seed(3)
    narrow = info.factory(FeatureSpec(rank, old, norm)).double()
    with torch.no_grad():
        for parameter in narrow.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    wide = info.factory(FeatureSpec(rank, new, norm)).double()
    widening = Widening(old, new, torch.Generator().manual_seed(1))
    wide.load_state_dict(resolve(info.widen)(narrow.state_dict(), widening))
    x = torch.randn(3, old, *((6, 5) if rank == 2 else (9,)), dtype=torch.float64)
    mask = torch.arange(9) < torch.tensor([9, 4, 1])[:, None] if rank == 1 else None
    for training in (True, False):
        expected = widening.copy(narrow.train(training)(x, mask), 1)
        torch.testing.assert_close(wide.train(training)(widening.copy(x, 1), mask), expected, rtol=0, atol=1e-11)


def test_copies_part_in_training() -> None:
    """Equal shares would give equal gradients, and copies would stay copies."""
    info = get_op("sep_conv_3")
    narrow, wide = (info.factory(FeatureSpec(2, width)) for width in (4, 8))
    wide.load_state_dict(resolve(info.widen)(narrow.state_dict(), Widening(4, 8, torch.Generator().manual_seed(1))))
    torch.manual_seed(2)
    x = torch.randn(3, 4, 6, 6).repeat(1, 2, 1, 1)
    (wide(x) * torch.randn(3, 8, 6, 6)).sum().backward()
    gradient = wide.depthwise.weight.grad
    assert (gradient[:4] - gradient[4:]).abs().min() > 0
