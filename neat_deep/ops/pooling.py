"""Average and maximum pools of stride 1 that keep the shape, and the op that does nothing."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neat_deep.ops.depthwise import convolve_depthwise, is_float32_on_cpu
from neat_deep.ops.masking import hide_padding, is_exporting
from neat_deep.ops.registry import FeatureSpec


class Identity(nn.Module):
    """Passes its input on."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x


class AveragePool(nn.Module):
    """The mean of a window; what lies outside the image, or is padding, is not counted."""

    def __init__(self, rank: int, size: int) -> None:
        super().__init__()
        self.rank = rank
        self.size = size

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        half = self.size // 2
        if self.rank == 2:
            if is_exporting() or not is_float32_on_cpu(x):
                return F.avg_pool2d(x, self.size, 1, half, count_include_pad=False)
            # In channels_last a depthwise convolution is 3 to 5 times as fast.
            window = x.new_ones(x.shape[1], 1, self.size, self.size)
            return convolve_depthwise(x, window) / _counts(*x.shape[1:], half)
        if mask is None:
            return F.avg_pool1d(x, self.size, 1, half, count_include_pad=False)
        total = F.avg_pool1d(hide_padding(x, mask), self.size, 1, half)  # padding counted: the sum over the size
        real = F.avg_pool1d(mask.unsqueeze(1).to(x.dtype), self.size, 1, half)
        return total / real.clamp_min(0.5 / self.size)  # windows without a real token: 0, not 0 / 0


@functools.cache
@torch.inference_mode(False)  # kept for trainings to come, even if the first to ask only predicts
def _counts(channels: int, height: int, width: int, half: int) -> Tensor:
    """The number of pixels of the image in the window around each of them, (C, H, W), laid out as channels_last is."""
    sides = [torch.tensor([min(i + half, n - 1) - max(i - half, 0) + 1.0 for i in range(n)]) for n in (height, width)]
    return torch.outer(*sides).unsqueeze(-1).repeat(1, 1, channels).permute(2, 0, 1)


class MaxPool(nn.Module):
    """The maximum of a window; padding tokens never win."""

    def __init__(self, rank: int, size: int) -> None:
        super().__init__()
        self.rank = rank
        self.size = size

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        half = self.size // 2
        if self.rank == 2:
            return F.max_pool2d(x, self.size, 1, half)
        hidden = hide_padding(x, mask, -math.inf)
        if is_exporting():  # torch.export takes the length of torch's pool of one dimension for a constant
            pooled = F.max_pool2d(hidden.unsqueeze(2), (1, self.size), 1, (0, half)).squeeze(2)
        else:
            pooled = F.max_pool1d(hidden, self.size, 1, half)
        return hide_padding(pooled, mask)  # windows without a real token hold minus infinity


def identity(spec: FeatureSpec) -> nn.Module:
    return Identity()


def avg_pool_3(spec: FeatureSpec) -> nn.Module:
    return AveragePool(spec.rank, 3)


def avg_pool_5(spec: FeatureSpec) -> nn.Module:
    return AveragePool(spec.rank, 5)


def max_pool_3(spec: FeatureSpec) -> nn.Module:
    return MaxPool(spec.rank, 3)


def max_pool_5(spec: FeatureSpec) -> nn.Module:
    return MaxPool(spec.rank, 5)
