"""Multi-head self-attention over the tokens of a sequence."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neat_deep.base.errors import ConfigError
from neat_deep.ops.norm import NormalisedOp, make_norm
from neat_deep.ops.registry import FeatureSpec
from neat_deep.ops.widening import Tensors, Widening, named, part

HEADS = 8
REACH = 16  # tokens either way that `RelativeAttention` tells apart; a sentence of SST-2 has 19


class SelfAttention(NormalisedOp):
    """Scaled dot-product attention (Vaswani et al., arXiv 1706.03762, eq. 1) of (B, C, L), then a normalisation.

    Tokens never attend to padding, where `mask` (B, L) is false. Raises `ConfigError` when the channels do not divide
    among the heads.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__()
        if spec.channels % HEADS:
            raise ConfigError(
                f"attention has {HEADS} heads: channels: got {spec.channels}, allowed: multiples of {HEADS}"
            )
        self.query_key_value = nn.Linear(spec.channels, 3 * spec.channels)
        self.project = nn.Linear(spec.channels, spec.channels, bias=False)
        self.norm = make_norm(spec)

    def features(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Attention and the projection of its heads."""
        batch, channels, length = x.shape
        packed = self.query_key_value(x.transpose(1, 2))  # (B, L, 3C)
        heads = packed.view(batch, length, 3, HEADS, channels // HEADS).permute(2, 0, 3, 1, 4)  # (3, B, H, L, C/H)
        mixed = F.scaled_dot_product_attention(
            heads[0], heads[1], heads[2], attn_mask=self.scores_mask(length, _allowed(mask))
        )
        joined = mixed.transpose(1, 2).reshape(batch, length, channels)
        return self.project(joined).transpose(1, 2)

    def scores_mask(self, length: int, allowed: Tensor | None) -> Tensor | None:
        """What is masked out of the scores (B, H, L, L), or added to them; None: nothing."""
        return allowed


class RelativeAttention(SelfAttention):
    """Self-attention that knows how far apart two tokens are: a learned number for each head and distance.

    It is added to the score before the softmax (Raffel et al., arXiv 1910.10683, section 2.1). Beyond `REACH` tokens
    either way all distances are one. So the op needs no positions from the stem.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__(spec)
        self.distances = nn.Parameter(0.02 * torch.randn(HEADS, 2 * REACH + 1))

    def scores_mask(self, length: int, allowed: Tensor | None) -> Tensor:
        """The numbers of the distances, and minus infinity at padding."""
        places = torch.arange(length, device=self.distances.device)
        apart = (places[None, :] - places[:, None]).clamp(-REACH, REACH) + REACH  # (L, L)
        scores = self.distances[:, apart].unsqueeze(0)  # (1, H, L, L)
        return scores if allowed is None else scores.masked_fill(~allowed, -torch.inf)


def _allowed(mask: Tensor | None) -> Tensor | None:
    """Which tokens may be attended to, (B, 1, 1, L).

    A text without a token attends to its padding, which what comes after leaves out: a softmax over nothing has no
    gradient, and older releases of torch return NaN for it.
    """
    return None if mask is None else (mask | ~mask.any(1, keepdim=True))[:, None, None, :]


def widen_attention(tensors: Tensors, widening: Widening) -> dict[str, Tensor]:
    """The weights of a `SelfAttention` of wider features, whose heads become wider.

    Within each head the copies' products of query and key add up to the old score, which is divided by a larger root
    of the head's width: the queries make up for both.
    """
    old, new = widening.old // HEADS, widening.new // HEADS
    head = Widening(old, new, widening.generator)

    def widen_heads(packed: Tensor) -> Tensor:  # (3C, ...) to (3C', ...)
        wide = head.copy(packed.view(3, HEADS, old, -1), 2)  # (3, H, C'/H, ...)
        shares = head.shares((HEADS, new, 1), 1, wide.dtype) * (new / old) ** 0.5
        return torch.cat([wide[:1] * shares, wide[1:]]).reshape(3 * widening.new, *packed.shape[1:])

    # The same shares must go to a query's weights and to its bias.
    weight, bias = tensors["query_key_value.weight"], tensors["query_key_value.bias"]
    widened = widen_heads(torch.cat([weight, bias.unsqueeze(1)], dim=1))  # (3C', C + 1)
    project = head.share_out(tensors["project.weight"].view(-1, HEADS, old), 2).reshape(widening.old, widening.new)
    return {
        "query_key_value.weight": widening.share_out(widened[:, :-1]),
        "query_key_value.bias": widened[:, -1].clone(),
        "project.weight": widening.copy(project),
        **{name: tensor for name, tensor in tensors.items() if name == "distances"},  # a head's, however wide it is
        **named(widening.norm(part(tensors, "norm.")), "norm."),
    }
