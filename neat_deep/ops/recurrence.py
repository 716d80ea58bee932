"""A GRU as a loop that torch.export keeps: it unrolls torch's own over the length of its example."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def scan_both_ways(gru: nn.GRU, tokens: Tensor, mask: Tensor | None) -> Tensor:
    """The states (B, L, 2 H) that a bidirectional `gru` of one layer has at each token (B, L, C).

    Both directions go through the tokens together. At padding, where `mask` (B, L) is false, a state stays as it is, so
    that the direction from the end begins at a text's last token. The equations are those of `torch.nn.GRU`.
    """
    from torch._higher_order_ops.scan import scan  # older releases have none

    inputs = [F.linear(tokens, weight, bias) for weight, bias in zip(*_both(gru, "ih"), strict=True)]  # (B, L, 3 H)
    by_token = torch.stack([inputs[0], inputs[1].flip(1)]).permute(2, 0, 1, 3)  # (L, 2, B, 3 H)
    real = torch.ones_like(tokens[:, :, 0], dtype=torch.bool) if mask is None else mask
    is_real = torch.stack([real, real.flip(1)]).permute(2, 0, 1).unsqueeze(3)  # (L, 2, B, 1)
    weights, biases = (torch.stack(tensors) for tensors in _both(gru, "hh"))
    weights, biases = weights.transpose(1, 2), biases.unsqueeze(1)  # (2, H, 3 H), (2, 1, 3 H)

    def step(state: Tensor, token: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        gates, is_token = token  # (2, B, 3 H), (2, B, 1)
        reset_in, update_in, new_in = gates.chunk(3, dim=2)
        reset_state, update_state, new_state = (state @ weights + biases).chunk(3, dim=2)
        update = torch.sigmoid(update_in + update_state)
        new = torch.tanh(new_in + torch.sigmoid(reset_in + reset_state) * new_state)
        state = torch.where(is_token, new + update * (state - new), state)
        return state, state.clone()  # what a step hands on and what it tells must not be one tensor

    first = tokens.new_zeros(2, tokens.shape[0], gru.hidden_size)
    _, states = scan(step, first, (by_token, is_real))  # (L, 2, B, H)
    return torch.cat([states[:, 0], states[:, 1].flip(0)], dim=2).transpose(0, 1)


def _both(gru: nn.GRU, kind: str) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The weights of both directions, then the biases; `kind` is `ih` for those of the input, `hh` of the state."""
    weights = (getattr(gru, f"weight_{kind}_l0"), getattr(gru, f"weight_{kind}_l0_reverse"))
    return weights, (getattr(gru, f"bias_{kind}_l0"), getattr(gru, f"bias_{kind}_l0_reverse"))
