"""The gradient of the alphas: first order, and second order through one virtual step of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from darts.supernet import Supernet
from neat_deep.base.randomness import seeded
from neat_deep.data import Batch

EPSILON = 0.01  # of the finite difference, over the length of its direction, as published

Named = dict[str, Tensor]


class AlphaGradient(NamedTuple):
    """A gradient for each alpha tensor, and the loss and the share of right answers on the alphas' batch."""

    gradients: list[Tensor]
    loss: Tensor
    accuracy: Tensor


class Architect:
    """Computes gradients of a supernet's alphas and touches nothing: no weight, momentum buffer or norm statistic.

    Every pass runs on a copy of the buffers, by `torch.func.functional_call`, and draws its randomness from the seed
    that it is given, so the weights' own training is the same with an architect and without.
    """

    def __init__(
        self, supernet: Supernet, *, dtype: torch.dtype = torch.float32, loss_weights: Tensor | None = None
    ) -> None:
        self._supernet = supernet
        self._dtype = dtype
        self._loss_weights = loss_weights

    def first_order(self, batch: Batch, *, seed: int) -> AlphaGradient:
        """d L_val(w, alpha) / d alpha at the present weights (DARTS, arXiv 1806.09055, eq. 6 with xi = 0)."""
        return self._by_alphas({name: w.detach() for name, w in self._weights().items()}, batch, seed)

    def second_order(
        self, train: Batch, validation: Batch, optimizer: torch.optim.Optimizer, learning_rate: float, *, seed: int
    ) -> AlphaGradient:
        """d L_val(w', alpha) / d alpha, with w' = w - xi (momentum b + d L_train(w, alpha) / dw + decay w).

        xi is `learning_rate`; momentum, its buffers b and the decay are those of `optimizer`, an SGD on the
        supernet's weights; gradients are not clipped, as in the published code. By the chain rule (eq. 7) this is
        the gradient at w' less xi times a mixed second derivative of L_train times d L_val / dw', which eq. 8 takes
        by a finite difference.
        """
        weights = self._weights()
        virtual = _virtual_step(weights, self._slopes(weights, train, seed), optimizer, learning_rate)
        val_loss, accuracy = self._loss(virtual, validation, seed)
        alphas = self._alphas()
        derivatives = torch.autograd.grad(val_loss, [*alphas, *virtual.values()], allow_unused=True)
        val_loss = val_loss.detach()
        direct, directions = derivatives[: len(alphas)], derivatives[len(alphas) :]
        by_name = {n: d for n, d in zip(virtual, directions, strict=True) if d is not None}
        curvature = self._mixed_product(weights, by_name, train, seed)
        gradients = [torch.zeros_like(a) if d is None else d for a, d in zip(alphas, direct, strict=True)]
        gradients = [d - learning_rate * c for d, c in zip(gradients, curvature, strict=True)]
        return AlphaGradient(gradients, val_loss, accuracy)

    @torch.no_grad()
    def score(self, batch: Batch, *, seed: int) -> tuple[float, float]:
        """Loss and accuracy (0..1) of the supernet in training mode, whose norms take the batch's own statistics."""
        loss, accuracy = self._loss(self._weights(), batch, seed)
        return float(loss), float(accuracy)

    def _mixed_product(self, weights: Named, direction: Named, batch: Batch, seed: int) -> list[Tensor]:
        """d^2 L_train / (d alpha dw) times `direction`, by a central difference along it (eq. 8)."""
        length = torch.stack([d.square().sum() for d in direction.values()]).sum().sqrt()
        step = EPSILON / length.clamp_min(torch.finfo(length.dtype).tiny)  # a tensor: no wait for the device
        ends = []
        for sign in (1, -1):
            moved = {
                name: _moved(w, direction[name], sign * step) if name in direction else w.detach()
                for name, w in weights.items()
            }
            ends.append(self._by_alphas(moved, batch, seed).gradients)
        return [(plus - minus) / (2 * step) for plus, minus in zip(*ends, strict=True)]

    def _slopes(self, weights: Named, batch: Batch, seed: int) -> tuple[Tensor | None, ...]:
        """The loss's gradient by the weights. Its graph dies here: alive, it would double the next pass's memory."""
        with self._supernet.fixed_alphas():
            loss, _ = self._loss(weights, batch, seed)
        return torch.autograd.grad(loss, list(weights.values()), allow_unused=True)

    def _by_alphas(self, weights: Named, batch: Batch, seed: int) -> AlphaGradient:
        """The loss's gradient; 0 for an alpha that it does not depend on, as on the share of a node's only edge."""
        loss, accuracy = self._loss(weights, batch, seed)
        alphas = self._alphas()
        derivatives = torch.autograd.grad(loss, alphas, allow_unused=True)
        gradients = [torch.zeros_like(a) if g is None else g for a, g in zip(alphas, derivatives, strict=True)]
        return AlphaGradient(gradients, loss.detach(), accuracy)

    def _weights(self) -> Named:
        return {f"network.{name}": w for name, w in self._supernet.network.named_parameters()}

    def _alphas(self) -> list[Tensor]:
        return list(self._supernet.alphas.parameters())

    def _loss(self, weights: Mapping[str, Tensor], batch: Batch, seed: int) -> tuple[Tensor, Tensor]:
        buffers = {name: b.clone() for name, b in self._supernet.named_buffers()}
        device = batch.inputs.device
        with seeded(seed, device), torch.autocast(device.type, self._dtype, enabled=self._dtype != torch.float32):
            logits = functional_call(self._supernet, {**weights, **buffers}, batch.arguments)
            loss = F.cross_entropy(logits, batch.labels, self._loss_weights)
        return loss, (logits.detach().argmax(1) == batch.labels).float().mean()


def _virtual_step(
    weights: Named, slopes: tuple[Tensor | None, ...], optimizer: torch.optim.Optimizer, learning_rate: float
) -> Named:
    """The weights after one step of SGD that is not taken, as leaves that can be differentiated by."""
    group_of = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    moved = {}
    with torch.no_grad():
        for (name, w), slope in zip(weights.items(), slopes, strict=True):
            step = torch.zeros_like(w) if slope is None else slope.clone()
            group = group_of.get(id(w))
            if group is not None and slope is not None:
                step.add_(w, alpha=group["weight_decay"])
                buffer = optimizer.state.get(w, {}).get("momentum_buffer")
                if buffer is not None:
                    step.add_(buffer, alpha=group["momentum"])
            moved[name] = _moved(w, step, -learning_rate).requires_grad_()
    return moved


def _moved(weight: Tensor, direction: Tensor, step: float | Tensor) -> Tensor:
    """weight + step * direction as a new leaf, laid out in memory as the weight is.

    A sum out of place forgets channels_last where a kernel or its channels have size 1, and convolutions by such
    weights took 2.5 times as long.
    """
    return weight.detach().clone().add_(direction * step)
