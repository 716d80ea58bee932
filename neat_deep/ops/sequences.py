"""Ops for texts alone: full and gated convolutions over a few tokens, and a recurrent network over all of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from neat_deep.base.errors import ConfigError
from neat_deep.ops.masking import hide_padding, is_exporting
from neat_deep.ops.norm import NormalisedOp, make_norm
from neat_deep.ops.recurrence import scan_both_ways
from neat_deep.ops.registry import FeatureSpec
from neat_deep.ops.widening import Tensors, Widening, named, part


class FullConv(NormalisedOp):
    """A convolution of (B, C, L) in which every channel reads every channel, as Kim's (arXiv 1408.5882), and a norm."""

    def __init__(self, spec: FeatureSpec, kernel_size: int, *, gated: bool = False) -> None:
        super().__init__()
        width = spec.channels * (2 if gated else 1)
        self.conv = nn.Conv1d(spec.channels, width, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = make_norm(spec)

    def features(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """The convolution."""
        return self.conv(hide_padding(x, mask))


class GatedConv(FullConv):
    """A convolution of which one half opens and closes the other (GLU; Dauphin et al., arXiv 1612.08083, eq. 1)."""

    def __init__(self, spec: FeatureSpec, kernel_size: int) -> None:
        super().__init__(spec, kernel_size, gated=True)

    def features(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """The gated convolution."""
        return F.glu(super().features(x, mask), dim=1)


class BidirectionalGRU(NormalisedOp):
    """A GRU (Cho et al., arXiv 1406.1078) from either end of (B, C, L), half of the channels each, and a norm.

    It reads the real tokens alone: the one from the end begins at a text's last token. The channels of both directions
    stand in turn, so that a copy of all channels is one of each direction's too. Raises `ConfigError` for an odd number
    of channels.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__()
        if spec.channels % 2:
            raise ConfigError(f"gru has two directions: channels: got {spec.channels}, allowed: multiples of 2")
        self.gru = nn.GRU(spec.channels, spec.channels // 2, batch_first=True, bidirectional=True)
        self.norm = make_norm(spec)

    def features(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """The states of both directions at each token."""
        batch, channels, length = x.shape
        tokens = x.transpose(1, 2)
        if is_exporting():
            states = scan_both_ways(self.gru, tokens, mask)
        elif mask is None:
            states, _ = self.gru(tokens)
        else:
            lengths = mask.sum(1).clamp_min(1).cpu()  # a text without a token has states that nothing reads
            packed, _ = self.gru(pack_padded_sequence(tokens, lengths, batch_first=True, enforce_sorted=False))
            states, _ = pad_packed_sequence(packed, batch_first=True, total_length=length)
        in_turn = states.view(batch, length, 2, channels // 2).transpose(2, 3)  # (B, L, C/2, 2)
        return in_turn.reshape(batch, length, channels).transpose(1, 2)


def widen_full_convolution(tensors: Tensors, widening: Widening) -> dict[str, Tensor]:
    """The weights of a `FullConv` or `GatedConv` of wider features."""
    weight = tensors["conv.weight"]
    halves = weight.view(-1, widening.old, *weight.shape[1:])  # one, or both that a gate has
    wide = widening.copy(halves, 1).reshape(-1, *weight.shape[1:])
    return {
        "conv.weight": widening.share_out(wide),
        **named(widening.norm(part(tensors, "norm.")), "norm."),
    }


def widen_gru(tensors: Tensors, widening: Widening) -> dict[str, Tensor]:
    """The weights of a `BidirectionalGRU` of wider features: three gates, each with rows for its states."""
    states = Widening(widening.old // 2, widening.new // 2, widening.generator)

    def copy_gates(tensor: Tensor) -> Tensor:  # (3 H, ...) to (3 H', ...)
        return torch.cat([states.copy(gate) for gate in tensor.chunk(3)])

    wide = {}
    for name, tensor in part(tensors, "gru.").items():
        copied = copy_gates(tensor)
        if name.startswith("weight_ih"):
            copied = widening.share_out(copied)
        elif name.startswith("weight_hh"):
            copied = states.share_out(copied)
        wide[name] = copied
    return {**named(wide, "gru."), **named(widening.norm(part(tensors, "norm.")), "norm.")}


def conv_3(spec: FeatureSpec) -> nn.Module:
    return FullConv(spec, 3)


def conv_5(spec: FeatureSpec) -> nn.Module:
    return FullConv(spec, 5)


def gated_conv_3(spec: FeatureSpec) -> nn.Module:
    return GatedConv(spec, 3)
