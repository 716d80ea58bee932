"""The networks of NAS-Bench-201, to measure signals of their first weights: a stem, three stages of cells, a head.

Dong and Yang, arXiv 2001.00326, section 2.1; the published networks have five cells in each stage, and 16 channels in
the first.
"""

from __future__ import annotations

from torch import Tensor, nn

from nas_bench_table import EDGES, OPS, Cell

CHANNELS, STAGES = 16, 3


class NasBenchNetwork(nn.Module):
    """A cell's network for 10 classes of RGB images (B, 3, H, W), with `cells` cells in each stage."""

    def __init__(self, cell: Cell, cells: int = 5) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, CHANNELS, 3, padding=1, bias=False), nn.BatchNorm2d(CHANNELS))
        parts: list[nn.Module] = []
        for stage in range(STAGES):
            channels = CHANNELS * 2**stage
            if stage:
                parts.append(_Reduction(channels // 2, channels))
            parts += [_NasBenchCell(cell, channels) for _ in range(cells)]
        self.body = nn.Sequential(*parts, nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(channels, 10)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(self.stem(images)))  # (B, 10)
        return logits


class _NasBenchCell(nn.Module):
    def __init__(self, cell: Cell, channels: int) -> None:
        super().__init__()
        self.edges = [tuple(map(int, edge.split(">"))) for edge in EDGES]
        self.ops = nn.ModuleList(_op(OPS[op], channels) for op in cell)

    def forward(self, x: Tensor) -> Tensor:
        states = [x]
        for state in range(1, 4):
            inputs = [op(states[a]) for (a, b), op in zip(self.edges, self.ops, strict=True) if b == state]
            states.append(sum(inputs[1:], inputs[0]))
        return states[-1]


class _Zero(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 0


def _op(name: str, channels: int) -> nn.Module:
    if name == "none":
        return _Zero()
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    return _convolution(channels, channels, 1 if name == "nor_conv_1x1" else 3, 1)


def _convolution(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(outputs))


class _Reduction(nn.Module):
    """The published residual block of stride 2."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.block = nn.Sequential(_convolution(inputs, outputs, 3, 2), _convolution(outputs, outputs, 3, 1))
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x) + self.shortcut(x)
