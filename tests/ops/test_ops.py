"""Conformance of every registered op, activation and aggregation: a new one is tested by registering it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from neat_deep.base.errors import ConfigError, UnknownNameError
from neat_deep.ops import (
    ACTIVATIONS,
    AGGREGATIONS,
    FeatureSpec,
    get_activation,
    get_aggregation,
    get_op,
    list_ops,
    register_op,
)
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge

CHANNELS = 16
DECLARED = [(name, rank) for name in list_ops() for rank in sorted(get_op(name).ranks)]
SEQUENCE_OPS = list_ops(rank=1)
NORMS = ("batch", "layer")


def example(rank: int, batch: int = 3) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(batch, CHANNELS, *((7, 6) if rank == 2 else (9,)))


def make(name: str, rank: int, norm: str = "batch") -> nn.Module:
    torch.manual_seed(0)
    return get_op(name).factory(FeatureSpec(rank, CHANNELS, norm))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("name", "rank"), DECLARED)
def test_op_keeps_shape_and_dtype(name: str, rank: int, norm: str) -> None:
    x = example(rank)
    out = make(name, rank, norm)(x)
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    assert out.isfinite().all()


@pytest.mark.parametrize(("name", "rank"), DECLARED)
def test_op_works_in_float64(name: str, rank: int) -> None:
    assert make(name, rank).double()(example(rank).double()).dtype == torch.float64


@pytest.mark.parametrize(("name", "rank"), DECLARED)
def test_gradient_reaches_input_and_parameters(name: str, rank: int) -> None:
    op = make(name, rank)
    x = example(rank).requires_grad_()
    (op(x) * torch.linspace(0, 1, x[0].numel()).view(x[0].shape)).sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    parameters = list(op.parameters())
    assert bool(parameters) == get_op(name).parametric
    assert all(p.grad is not None and p.grad.isfinite().all() for p in parameters)
    assert all(p.grad.abs().sum() > 0 for p in parameters if p.grad is not None and p.ndim > 1)


@pytest.mark.parametrize(("name", "rank"), DECLARED)
def test_evaluation_is_deterministic_and_per_example(name: str, rank: int) -> None:
    op = make(name, rank).eval()
    x = example(rank)
    assert torch.equal(op(x), op(x))
    torch.testing.assert_close(op(x)[:1], op(x[:1]))


@pytest.mark.parametrize(("name", "rank"), DECLARED)
def test_op_survives_json(name: str, rank: int) -> None:
    cell = CellGraph(1, (CellNode((Edge(0, name),)),))
    architecture = Architecture(cell, Skeleton(rank=rank))
    assert Architecture.from_json(architecture.to_json()) == architecture


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", SEQUENCE_OPS)
def test_padding_changes_nothing(name: str, training: bool, norm: str) -> None:
    """Outputs at real tokens, and every gradient, are those of the batch without the padding."""
    op = make(name, 1, norm).train(training).double()
    lengths = torch.tensor([9, 4, 1])
    mask = torch.arange(9) < lengths[:, None]
    x = example(1).double()
    grads = []
    outs = []
    for extra in (0, 5):
        op.load_state_dict(make(name, 1, norm).double().state_dict())
        op.zero_grad()
        padded = torch.cat([x, torch.full((3, CHANNELS, extra), 1e3, dtype=x.dtype)], dim=2)
        wide = torch.cat([mask, torch.zeros(3, extra, dtype=torch.bool)], dim=1)
        padded = torch.where(wide.unsqueeze(1), padded, torch.full_like(padded, 1e3 + extra)).requires_grad_()
        out = op(padded, wide)
        real = out.transpose(1, 2)[wide]  # (tokens, C)
        (real * torch.linspace(-1, 1, real.numel(), dtype=x.dtype).view(real.shape)).sum().backward()
        assert padded.grad is not None
        outs.append(real.detach())
        grads.append(
            [padded.grad.transpose(1, 2)[wide], *[p.grad.clone() for p in op.parameters() if p.grad is not None]]
        )
    torch.testing.assert_close(outs[1], outs[0], rtol=1e-9, atol=1e-9)
    for padded_grad, grad in zip(grads[1], grads[0], strict=True):
        torch.testing.assert_close(padded_grad, grad, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SEQUENCE_OPS)
def test_full_mask_is_no_mask(name: str) -> None:
    op = make(name, 1).eval()
    x = example(1)
    torch.testing.assert_close(op(x, torch.ones(3, 9, dtype=torch.bool)), op(x))


def test_dilated_one_is_separable_one() -> None:
    x = example(2)
    torch.testing.assert_close(make("dil_conv_1", 2)(x), make("sep_conv_1", 2)(x))


@pytest.mark.parametrize(("size", "rank"), [(3, 2), (5, 2), (3, 1), (5, 1)])
def test_average_pool_does_not_count_what_is_outside(size: int, rank: int) -> None:
    ones = torch.ones_like(example(rank))
    assert torch.equal(make(f"avg_pool_{size}", rank)(ones), ones)


@pytest.mark.parametrize("rank", [1, 2])
def test_separable_one_is_its_two_convolutions(rank: int) -> None:
    op, x = make("sep_conv_1", rank).double(), example(rank).double()
    torch.testing.assert_close(op(x), op.norm(op.pointwise(op.depthwise(x))))  # type: ignore[operator]


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("kind", ["sep", "dil"])
def test_convolution_reads_the_window_that_its_name_says(kind: str, kernel: int) -> None:
    op = make(f"{kind}_conv_{kernel}", 2).eval()
    for parameter in op.parameters():
        nn.init.ones_(parameter)
    x = torch.zeros(1, CHANNELS, 15, 15)
    x[0, :, 7, 7] = 1
    touched = (op(x) - op(torch.zeros_like(x)))[0, 0].abs() > 1e-6
    step = 1 if kind == "sep" else 2
    reach = [7 + step * i for i in range(-(kernel // 2), kernel // 2 + 1)]
    expected = torch.zeros(15, 15, dtype=torch.bool)
    expected[torch.tensor(reach)[:, None], torch.tensor(reach)] = True
    assert torch.equal(touched, expected)


def test_attention_is_the_textbook_formula() -> None:
    op = make("attention", 1).double()
    op.norm = nn.Identity()  # what is checked stands before the normalisation
    op.norm.forward = lambda x, mask=None: x  # type: ignore[method-assign, assignment]
    x = example(1).double()
    q, k, v = op.query_key_value(x.transpose(1, 2)).chunk(3, dim=-1)  # type: ignore[operator]
    size = CHANNELS // 8
    heads = []
    for h in range(8):
        part = slice(h * size, (h + 1) * size)
        weights = torch.softmax(q[..., part] @ k[..., part].transpose(1, 2) / size**0.5, dim=-1)
        heads.append(weights @ v[..., part])
    expected = op.project(torch.cat(heads, dim=-1)).transpose(1, 2)  # type: ignore[operator]
    torch.testing.assert_close(op(x), expected)


def test_attention_needs_channels_for_its_heads() -> None:
    with pytest.raises(ConfigError, match="8 heads: channels: got 12, allowed: multiples of 8"):
        get_op("attention").factory(FeatureSpec(1, 12))


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activation_keeps_shape_and_passes_gradients(name: str) -> None:
    x = example(2).requires_grad_()
    out = get_activation(name)(x)
    assert out.shape == x.shape
    out.sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0


@pytest.mark.parametrize("name", sorted(AGGREGATIONS))
def test_aggregation_keeps_shape_and_commutes_as_declared(name: str) -> None:
    x, y = example(2).requires_grad_(), example(2).flip(0).requires_grad_()
    out = get_aggregation(name)(x, y)
    assert out.shape == x.shape
    out.sum().backward()
    assert x.grad is not None and y.grad is not None
    if AGGREGATIONS.get(name).commutative:
        assert torch.equal(out, get_aggregation(name)(y, x))
    neutral = AGGREGATIONS.get(name).neutral
    if neutral is not None:
        value = torch.full_like(x, neutral)
        assert torch.equal(get_aggregation(name)(x, value), x) and torch.equal(get_aggregation(name)(value, x), x)


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(
        UnknownNameError, match="unknown op 'sepconv_3'; did you mean 'sep_conv_3'.* known: .*attention"
    ):
        get_op("sepconv_3")
    with pytest.raises(UnknownNameError, match="unknown activation 'rleu'; did you mean 'relu'"):
        get_activation("rleu")
    with pytest.raises(UnknownNameError, match="unknown aggregation 'ad'"):
        get_aggregation("ad")


@pytest.mark.parametrize(
    ("name", "ranks", "message"),
    [
        ("identity", {1, 2}, "op name 'identity' is taken"),
        ("none", {1, 2}, "op name 'none' is taken"),
        ("two words", {1, 2}, "no spaces"),
        ("", {1, 2}, "no spaces"),
        ("cubic", {3}, r"ranks: got \[3\]"),
        ("empty", set(), r"ranks: got \[\]"),
    ],
)
def test_registration_checks(name: str, ranks: set[int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        register_op(name, ranks=ranks, parametric=False)(lambda spec: nn.Identity())


def test_ops_by_rank() -> None:
    assert "attention" in list_ops(rank=1)
    assert "attention" not in list_ops(rank=2)
