"""Depthwise convolution of images, with a backward pass that stays fast on CPUs for wide and dilated kernels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDEST = 3  # columns of the widest kernel whose weight gradient oneDNN computes depthwise


class DepthwiseConv(nn.Conv2d):
    """One kernel of odd size for each channel of (B, C, H, W), stride 1, no bias; keeps the shape."""

    def __init__(self, channels: int, kernel_size: int, dilation: int = 1) -> None:
        padding = dilation * (kernel_size - 1) // 2
        super().__init__(
            channels, channels, kernel_size, padding=padding, dilation=dilation, groups=channels, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        return convolve_depthwise(x, self.weight, self.dilation[0])


def convolve_depthwise(x: Tensor, weight: Tensor, dilation: int = 1) -> Tensor:
    """`F.conv2d` of (B, C, H, W) with a kernel of odd size for each channel, (C, 1, K, K); keeps the shape.

    oneDNN has no depthwise backward pass for a dilated kernel, nor one for the weights of a kernel that is wider than 3
    or higher than the image; what it does instead is up to 15 times slower. In training on a CPU, in float32, those
    gradients are made of passes that it has, for dilations 1 and 2.
    """
    is_slow = dilation == 2 or (dilation == 1 and (weight.shape[3] > WIDEST or weight.shape[2] > x.shape[2]))
    if is_slow and torch.is_grad_enabled() and is_float32_on_cpu(x):
        return _Convolution.apply(x, weight, dilation)  # type: ignore[no-untyped-call,no-any-return]
    return _convolve(x, weight, dilation)


def is_float32_on_cpu(x: Tensor) -> bool:
    """Whether oneDNN's float32 kernels are what computes on `x`."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and not _is_autocast_on_cpu()


def _is_autocast_on_cpu() -> bool:
    # Its name changed with torch 2.4, which took the device as an argument.
    if torch.__version__.startswith("2.3."):
        return bool(torch.is_autocast_cpu_enabled())  # type: ignore[no-untyped-call]
    return torch.is_autocast_enabled("cpu")


def _convolve(x: Tensor, weight: Tensor, dilation: int) -> Tensor:
    return F.conv2d(x, weight, None, 1, dilation * (weight.shape[2] // 2), dilation, len(weight))


class _Convolution(torch.autograd.Function):
    """A depthwise convolution; its backward pass is made of what autograd can differentiate again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, dilation: int) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(x, weight)
        ctx.dilation = dilation
        return _convolve(x, weight, dilation)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        by_x = by_weight = None
        if ctx.needs_input_grad[0]:
            by_x = _convolve(gradient, weight.flip(2, 3), ctx.dilation)
        if ctx.needs_input_grad[1]:
            if ctx.dilation == 2:
                x, gradient = _phases(x), _phases(gradient)
            by_weight = _weight_gradient(x, gradient, weight)
        return by_x, by_weight, None


def _phases(x: Tensor) -> Tensor:
    """Every second row and column as an image of its own: a kernel of dilation 2 has dilation 1 in each of them."""
    if x.shape[2] % 2 or x.shape[3] % 2:
        x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2))
    b, c, h, w = x.shape
    cut = x.permute(0, 2, 3, 1).reshape(b, h // 2, 2, w // 2, 2, c).permute(2, 4, 0, 1, 3, 5)
    return cut.reshape(4 * b, h // 2, w // 2, c).permute(0, 3, 1, 2)


def _weight_gradient(x: Tensor, gradient: Tensor, weight: Tensor) -> Tensor:
    """The gradient of the weights of a kernel without dilation, at most `WIDEST` of its columns at a time."""
    size, width = weight.shape[3], x.shape[3]
    padding = size // 2
    # oneDNN pads an image lower than the kernel 5 to 10 times slower than it takes to pad it here.
    rows = padding if x.shape[2] < size else 0
    columns = padding if size > WIDEST else 0
    if rows or columns:
        x = F.pad(x, (columns, columns, rows, rows))
    rest = (padding - rows, padding - columns)
    if size <= WIDEST:
        return _convolution_weight_gradient(x, gradient, weight, rest)
    parts = []
    for first in range(0, size, WIDEST):
        part = weight[:, :, :, first : first + WIDEST]
        seen = x[:, :, :, first : first + width + part.shape[3] - 1]
        # Some columns of an image are contiguous in no layout, and would be copied into the slower one.
        seen = seen.contiguous(memory_format=torch.channels_last)
        parts.append(_convolution_weight_gradient(seen, gradient, part, rest))
    return torch.cat(parts, dim=3)


def _convolution_weight_gradient(x: Tensor, gradient: Tensor, weight: Tensor, padding: tuple[int, int]) -> Tensor:
    gradients = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, [1, 1], padding, [1, 1], False, [0, 0], len(weight), [False, True, False]
    )
    by_weight: Tensor = gradients[1]
    return by_weight
