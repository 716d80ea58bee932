"""Wider features that hold the same: channels are copied, and the weights that read them are shared out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Tensors = Mapping[str, Tensor]


class Widening:
    """Features of `old` channels become `new` ones: new channel j holds what old channel j mod `old` held.

    A layer that reads copies computes the same sum when their weights add up to the old one's (Chen, Goodfellow and
    Shlens: Net2Net, arXiv 1511.05641, eq. 3). The shares are drawn, not equal: equal ones would have equal gradients,
    and copies would stay copies.
    """

    def __init__(self, old: int, new: int, generator: torch.Generator) -> None:
        self.old = old
        self.new = new
        self.generator = generator
        self.sources = torch.arange(new) % old

    def copy(self, tensor: Tensor, dim: int = 0) -> Tensor:
        """`tensor` with the channels along `dim` copied."""
        return tensor.index_select(dim, self.sources)

    def shares(self, shape: tuple[int, ...], dim: int, dtype: torch.dtype) -> Tensor:
        """Positive shares of `shape`, new along `dim`, of which those of one old channel add up to 1."""
        drawn = torch.rand(shape, generator=self.generator, dtype=torch.float64) + 0.5
        sums = torch.zeros([*shape[:dim], self.old, *shape[dim + 1 :]], dtype=torch.float64)
        sums.index_add_(dim, self.sources, drawn)
        return (drawn / self.copy(sums, dim)).to(dtype)

    def share_out(self, tensor: Tensor, dim: int = 1) -> Tensor:
        """`tensor` of weights that read the channels along `dim`, shared out among the copies."""
        if self.new == self.old:
            return tensor
        wide = self.copy(tensor, dim)
        return wide * self.shares(tuple(wide.shape), dim, wide.dtype)

    def norm(self, tensors: Tensors) -> dict[str, Tensor]:
        """The tensors of a normalisation: what each channel has is copied, what all share (a count) stays."""
        return {name: self.copy(tensor) if tensor.ndim else tensor for name, tensor in tensors.items()}


# From an op's tensors, by their names within it, to those of the same op on wider features.
Widen = Callable[[Tensors, Widening], dict[str, Tensor]]


def treats_channels_alike(tensors: Tensors, widening: Widening) -> dict[str, Tensor]:
    """For an op without weights that does the same with each channel: there is nothing to widen."""
    return dict(tensors)


def part(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def named(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    """The tensors with `prefix` before their names."""
    return {prefix + name: tensor for name, tensor in tensors.items()}
