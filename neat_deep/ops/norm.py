"""Normalisations for both ranks; padding tokens take no part in any statistic."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from neat_deep.base.errors import ConfigError
from neat_deep.ops.registry import FeatureSpec


def make_norm(spec: FeatureSpec) -> nn.Module:
    """The normalisation that `spec.norm` names, called as `norm(x, mask=None)`; raises `ConfigError`."""
    if spec.norm == "batch":
        return ImageBatchNorm(spec.channels) if spec.rank == 2 else SequenceBatchNorm(spec.channels)
    if spec.norm == "layer":
        return ChannelLayerNorm(spec.channels)
    raise ConfigError(f"norm: got '{spec.norm}', allowed: batch, layer")


class ImageBatchNorm(nn.BatchNorm2d):
    """Batch normalisation (Ioffe and Szegedy, arXiv 1502.03167) of (B, C, H, W); images have no padding."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x)


class SequenceBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of (B, C, L) whose statistics are taken over the real tokens only."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None or not self.training:
            return super().forward(x)
        # Real tokens become rows, so that the statistics are exactly those of the sequences without padding.
        rows = x.transpose(1, 2)[mask]  # (tokens, C)
        normed = super().forward(rows)
        out = torch.zeros_like(x.transpose(1, 2))  # (B, L, C)
        out = out.masked_scatter(mask.unsqueeze(-1), normed)
        return out.transpose(1, 2)


class ChannelLayerNorm(nn.LayerNorm):
    """Layer normalisation (Ba, Kiros and Hinton, arXiv 1607.06450) over the channels of each position."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class NormalisedOp(nn.Module, ABC):
    """An op that ends in `norm`; a subclass says what comes before it.

    The two steps can be called one by one: a supernet keeps only the `features` for its backward pass.
    """

    norm: nn.Module

    @abstractmethod
    def features(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """The op's output before its normalisation."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.norm(self.features(x, mask), mask)
