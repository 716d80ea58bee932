"""The weighted sum of a mixed edge's candidates: written plainly, and with a backward pass that keeps less memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from neat_deep.ops import get_activation
from neat_deep.ops.norm import ImageBatchNorm

_aten = torch.ops.aten


class Term(NamedTuple):
    """One op's output on an edge, before its activations; `norm` is still to be applied to it, if there is one."""

    value: Tensor
    norm: ImageBatchNorm | None = None


def weighted_sums(terms: Sequence[Term], weights: Tensor, activations: Sequence[str]) -> list[Tensor]:
    """sum_o sum_a weights[r, o, a] * act_a(norm_o(value_o)) for each r.

    `weights` has the shape (sums, terms, activations), all values one shape, which each sum keeps. Each op is thus
    computed once for all its activations and all aggregations (DARTS, arXiv 1806.09055, eq. 2).
    """
    if _can_save_memory(terms, activations):
        tensors = [t for term in terms for t in _tensors(term)]
        norms = [term.norm for term in terms]
        sums = _WeightedSums.apply(weights, tuple(activations), norms, *tensors)  # type: ignore[no-untyped-call]
        return list(sums)
    return _plain_sums(terms, weights, activations)


def _can_save_memory(terms: Sequence[Term], activations: Sequence[str]) -> bool:
    """Eager training on a CPU; a compiler does as well by itself, and on a GPU each weight would cost a wait.

    Without gradients nothing is kept anyway: then the norms are called as modules, for hooks on them, such as those
    of `measure_norms`.
    """
    return (
        torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and terms[0].value.device.type == "cpu"
        and len({term.value.dtype for term in terms}) == 1
        and all(name in _DERIVATIVES for name in activations)
        and all(term.norm is None or term.norm.training for term in terms)
    )


def _tensors(term: Term) -> tuple[Tensor, ...]:
    return (term.value,) if term.norm is None else (term.value, term.norm.weight, term.norm.bias)


def _plain_sums(terms: Sequence[Term], weights: Tensor, activations: Sequence[str]) -> list[Tensor]:
    sums: list[Tensor | None] = [None] * len(weights)
    for o, term in enumerate(terms):
        value = term.value if term.norm is None else term.norm(term.value)
        for a, name in enumerate(activations):
            activated = get_activation(name)(value)
            for r, total in enumerate(sums):
                part = weights[r, o, a] * activated
                sums[r] = part if total is None else total + part
    return [total for total in sums if total is not None]


# --- the same with less memory -------------------------------------------------------------------------------------
# Autograd would keep, for every op of every edge, the norm's output and each activation's output beside the norm's
# input. Here only the norm's input is kept; the backward pass computes the others again, element by element.

# An activation of x; `out` may be written to.
_VALUES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "identity": lambda x, _: x,
    "relu": lambda x, out: torch.clamp_min(x, 0, out=out),
    "sigmoid": lambda x, out: torch.sigmoid(x, out=out),
    "tanh": lambda x, out: torch.tanh(x, out=out),
}
# The upstream gradient times the derivative of an activation at x; `out` may be written to.
_DERIVATIVES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "identity": lambda gradient, *_: gradient,
    "relu": lambda gradient, x, out: _aten.threshold_backward.grad_input(gradient, x, 0, grad_input=out),
    "sigmoid": lambda gradient, x, out: _aten.sigmoid_backward.grad_input(gradient, torch.sigmoid(x), grad_input=out),
    "tanh": lambda gradient, x, out: _aten.tanh_backward.grad_input(gradient, torch.tanh(x), grad_input=out),
}
_HOMOGENEOUS = {"identity", "relu"}  # their value at x is their derivative at x times x


class _WeightedSums(torch.autograd.Function):
    """`_plain_sums` of terms whose norms are in training mode; updates their running statistics as they would."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        weights: Tensor,
        activations: tuple[str, ...],
        norms: Sequence[ImageBatchNorm | None],
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        numbers = weights.tolist()
        terms, statistics = _group(tensors, norms), []
        sums = [torch.zeros_like(terms[0][0]) for _ in numbers]
        scratch = torch.empty_like(terms[0][0])
        for o, (term, norm) in enumerate(zip(terms, norms, strict=True)):
            value = term[0]
            if norm is not None:
                value, mean, scale = _normalise(term, norm)
                statistics += [mean, scale]
            for a, name in enumerate(activations):
                activated = _VALUES[name](value, scratch)
                for total, row in zip(sums, numbers, strict=True):
                    total.add_(activated, alpha=row[o][a])
        ctx.activations, ctx.norms = activations, norms
        ctx.count = len(tensors)
        ctx.save_for_backward(weights, *tensors, *statistics)
        return tuple(sums)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        weights, *saved = ctx.saved_tensors
        tensors, statistics = saved[: ctx.count], saved[ctx.count :]
        if torch.is_grad_enabled():  # somebody wants to differentiate this once more
            return _plain_backward(weights, ctx.activations, ctx.norms, tensors, gradients)
        layout = _format(tensors[0])
        gradients = tuple(g.contiguous(memory_format=layout) for g in gradients)
        numbers = weights.tolist()
        # None where only the ops' weights are asked for, as in the weights' own step.
        by_weights = torch.empty_like(weights) if ctx.needs_input_grad[0] else None
        by_tensors: list[Tensor | None] = []
        normed, slope, scratch = (torch.empty_like(tensors[0]) for _ in range(3))  # stay in the cache, term after term
        for o, (term, norm) in enumerate(zip(_group(tensors, ctx.norms), ctx.norms, strict=True)):
            value = term[0]
            by_value = torch.empty_like(value) if norm is None else scratch
            if norm is not None:
                mean, scale = statistics[:2]
                del statistics[:2]
                gain = scale * term[1]
                shift = torch.addcmul(term[2], mean, gain, value=-1)
                value = torch.addcmul(_per_channel(shift), value, _per_channel(gain), out=normed)
            for a, name in enumerate(ctx.activations):
                for r, gradient in enumerate(gradients):
                    by_input = _DERIVATIVES[name](gradient, value, slope)
                    if a == r == 0:
                        torch.mul(by_input, numbers[r][o][a], out=by_value)
                    else:
                        by_value.add_(by_input, alpha=numbers[r][o][a])
                    if by_weights is None:
                        continue
                    # The weight's gradient is that of its activation's value times the value itself.
                    factors = (by_input, value) if name in _HOMOGENEOUS else (gradient, _VALUES[name](value, slope))
                    by_weights[r, o, a] = torch.dot(*(_flat(factor, layout) for factor in factors))
            if norm is None:
                by_tensors.append(by_value)
            else:
                by_tensors += _aten.native_batch_norm_backward(
                    by_value, *term[:2], None, None, mean, scale, True, norm.eps, [True, True, True]
                )
        return (by_weights, None, None, *by_tensors)


def _group(tensors: Sequence[Tensor], norms: Sequence[ImageBatchNorm | None]) -> list[tuple[Tensor, ...]]:
    """The flat list of tensors, cut up into the terms that it was made of."""
    remaining = list(tensors)
    groups = []
    for norm in norms:
        count = 1 if norm is None else 3
        groups.append(tuple(remaining[:count]))
        del remaining[:count]
    return groups


def _normalise(term: tuple[Tensor, ...], norm: ImageBatchNorm) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalisation in training mode: the output, the mean and 1 / the standard deviation of each channel."""
    value, gain, shift = term
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    return torch.native_batch_norm(
        value, gain, shift, norm.running_mean, norm.running_var, True, norm.momentum or 0.0, norm.eps
    )


def _per_channel(numbers: Tensor) -> Tensor:
    return numbers[:, None, None]  # beside (B, C, H, W)


def _format(value: Tensor) -> torch.memory_format:
    # Asked of the stride: a part of the channels is not contiguous in any format.
    is_last = value.ndim == 4 and value.stride(1) == 1
    return torch.channels_last if is_last else torch.contiguous_format


def _flat(value: Tensor, layout: torch.memory_format) -> Tensor:
    """All numbers in the order that `layout` has them in, which costs a copy where they lie in another."""
    return value.permute(0, 2, 3, 1).reshape(-1) if layout is torch.channels_last else value.reshape(-1)


def _plain_backward(
    weights: Tensor,
    activations: Sequence[str],
    norms: Sequence[ImageBatchNorm | None],
    tensors: Sequence[Tensor],
    gradients: Sequence[Tensor],
) -> tuple[Tensor | None, ...]:
    """The gradients as functions that autograd can differentiate again, from the plain sums done over."""
    # Each tensor becomes a view that only its own term reads. One value may be computed from another (every op's from
    # the state, which is identity's value): autograd follows that path itself, later, and may follow it only once.
    weights, *tensors = [t.view_as(t) for t in (weights, *tensors)]
    terms = []
    for term, norm in zip(_group(tensors, norms), norms, strict=True):
        value = term[0] if norm is None else F.batch_norm(term[0], None, None, term[1], term[2], True, 0.0, norm.eps)
        terms.append(Term(value))
    sums = _plain_sums(terms, weights, activations)
    inputs = [t for t in (weights, *tensors) if t.requires_grad]
    derivatives = iter(torch.autograd.grad(sums, inputs, gradients, create_graph=True, allow_unused=True))
    by_weights, *by_tensors = [next(derivatives) if t.requires_grad else None for t in (weights, *tensors)]
    return (by_weights, None, None, *by_tensors)
