"""The depthwise convolution's own backward pass, and the pool that is made of it, against torch's plain ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neat_deep.ops import FeatureSpec, get_op
from neat_deep.ops.depthwise import DepthwiseConv, convolve_depthwise

SHAPES = [(16, 8, 8), (3, 7, 10), (5, 9, 5), (1, 1, 1), (2, 4, 3), (16, 2, 2)]
KERNELS = [(1, 1), (3, 1), (5, 1), (7, 1), (3, 2), (5, 2), (7, 2), (3, 3)]


def plain(x: Tensor, weight: Tensor, dilation: int) -> Tensor:
    size = weight.shape[2]
    return F.conv2d(x, weight, None, 1, dilation * (size // 2), dilation, len(weight))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["nchw", "nhwc"])
@pytest.mark.parametrize(("size", "dilation"), KERNELS)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_are_those_of_a_plain_convolution(
    shape: tuple[int, int, int], size: int, dilation: int, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    x = torch.randn(4, *shape).to(memory_format=layout).requires_grad_()
    weight = torch.randn(shape[0], 1, size, size).requires_grad_()
    upstream = torch.randn(4, *shape)
    found = convolve_depthwise(x, weight, dilation)
    expected = plain(x, weight, dilation)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, [x, weight], upstream),
        torch.autograd.grad(expected, [x, weight], upstream),
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize(("size", "dilation"), [(5, 1), (5, 2)])
def test_gradients_can_be_differentiated_again(size: int, dilation: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 7, 6, requires_grad=True)
    weight = torch.randn(3, 1, size, size, requires_grad=True)

    def twice(convolution: object) -> tuple[Tensor, ...]:
        value = convolution(x, weight, dilation).tanh().sum()  # type: ignore[operator]
        first = torch.autograd.grad(value, [x, weight], create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), [x, weight])

    torch.testing.assert_close(twice(convolve_depthwise), twice(plain), rtol=1e-4, atol=1e-4)


def test_frozen_weights_get_no_gradient() -> None:
    conv = DepthwiseConv(4, 5, dilation=2).requires_grad_(False)
    x = torch.randn(2, 4, 8, 8, requires_grad=True)
    conv(x).sum().backward()
    assert x.grad is not None
    assert conv.weight.grad is None


def test_weights_are_drawn_and_named_as_by_a_plain_convolution() -> None:
    torch.manual_seed(0)
    conv = DepthwiseConv(6, 5, dilation=2)
    torch.manual_seed(0)
    expected = nn.Conv2d(6, 6, 5, padding=4, dilation=2, groups=6, bias=False)
    torch.testing.assert_close(conv.state_dict(), expected.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [3, 5])
def test_average_pool_is_the_plain_one(size: int, shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    pool = get_op(f"avg_pool_{size}").factory(FeatureSpec(2, shape[0]))
    x = torch.randn(4, *shape).to(memory_format=torch.channels_last).requires_grad_()
    upstream = torch.randn(4, *shape)
    found, expected = pool(x), F.avg_pool2d(x, size, 1, size // 2, count_include_pad=False)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found, x, upstream), torch.autograd.grad(expected, x, upstream))
