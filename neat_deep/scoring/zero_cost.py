"""Signals that cost one batch and no training (compared by Abdelfattah et al., arXiv 2101.08134): more is better.

Each is computed of a network with its first weights. Gradients and changes "of the input" are taken at the stem's
output, where the searched part begins: that is the same for images and for texts, whose tokens have no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from neat_deep.data import Batch
from neat_deep.scoring.metrics import Untrained

RELUS = (torch.ops.aten.relu.default, torch.ops.aten.relu_.default)
JACOBIAN_FLOOR = 1e-5  # as published: no eigenvalue counts as less
PARTS = 4  # of the batch, whose gradients ZiCo compares


def gradient_norm(untrained: Untrained) -> float:
    """The length of the loss's gradient by all weights."""
    gradients = _gradients(untrained.network, untrained.batch)
    return float(torch.stack([(g.double() ** 2).sum() for g in gradients.values()]).sum().sqrt())


def nwot(untrained: Untrained) -> float:
    """How differently the ReLUs switch for different examples (Mellor et al., arXiv 2006.04647, eq. 2).

    The logarithm of the determinant of K + I, where K counts for each pair of examples the units that are on for both
    or off for both. The published score has no I: next to thousands of units it is nothing, and a network without
    ReLUs, or a batch with two examples that switch alike, has a score with it too.
    """
    batch = untrained.batch
    with _CodesOfReLUs(len(batch.labels)) as codes, torch.no_grad():
        untrained.network(*batch.arguments)
    identity = torch.eye(len(batch.labels), dtype=torch.float64, device=codes.agreements.device)
    return float(torch.linalg.slogdet(codes.agreements.to(identity.device) + identity).logabsdet)


def jacov(untrained: Untrained) -> float:
    """How little the examples' gradients by the input correlate (Mellor et al., arXiv 2006.04647v1, section 3.2).

    -sum(log(v + k) + 1 / (v + k)) over the eigenvalues v of the correlation matrix, with k = 1e-5.
    """
    with _features(untrained.network) as features:
        logits = untrained.network(*untrained.batch.arguments)
        (gradient,) = torch.autograd.grad(logits.sum(), [features.leaf])
    rows = gradient.flatten(1).double()
    rows = F.normalize(rows - rows.mean(1, keepdim=True), dim=1)  # a row of zeros stays one: it correlates with none
    correlations = rows @ rows.T
    correlations.fill_diagonal_(1.0)
    values = torch.linalg.eigvalsh(correlations).clamp_min(0) + JACOBIAN_FLOOR
    return float(-(values.log() + 1 / values).sum())


def synflow(untrained: Untrained) -> float:
    """The logarithm of the sum of |w dR / dw|, R being the sum of the outputs (Tanaka et al., arXiv 2006.05467, eq. 1).

    All weights are replaced by their absolute values and the features by ones; norms are left out, since a flow that
    goes into one would not come out of it. The logarithm ranks alike and holds deep networks, whose sums grow by a
    factor a layer.
    """
    network = untrained.network.double()
    for module in list(network.modules()):
        if isinstance(getattr(module, "norm", None), nn.Module):
            module.norm = _NoNorm()
    with torch.no_grad():
        for weight in network.parameters():
            weight.abs_()
    weights = [w for name, w in network.named_parameters() if not name.startswith("stem.")]
    inputs, *mask = untrained.batch.arguments
    one = [inputs[:1].double() if inputs.is_floating_point() else inputs[:1], *(m[:1] for m in mask)]
    with _features(network, torch.ones_like):
        total = network(*one).sum()
    gradients = torch.autograd.grad(total, weights, allow_unused=True)
    flows = [(w * g).abs().sum() for w, g in zip(weights, gradients, strict=True) if g is not None]
    return float(torch.stack(flows).sum().detach().clamp_min(torch.finfo(torch.float64).tiny).log())


def zico(untrained: Untrained) -> float:
    """How steady and large the gradients are over parts of the batch (Li et al., arXiv 2301.11300, eq. 18).

    The sum over all weight tensors of log(sum of mean |g| / std g), over those of their entries whose gradient varies.
    """
    batch = untrained.batch
    size = max(2, len(batch.labels) // PARTS)
    starts = range(0, len(batch.labels) - size + 1, size)
    gradients = [_gradients(untrained.network, _part(batch, start, start + size)) for start in starts]
    total = 0.0
    for name in gradients[0]:
        if gradients[0][name].ndim > 1:  # of convolutions and linear layers, as published
            stacked = torch.stack([part[name].double() for part in gradients])
            spread = stacked.std(0, correction=0)
            ratios = stacked.abs().mean(0)[spread > 0] / spread[spread > 0]
            total += float(ratios.sum().log()) if len(ratios) else 0.0
    return total


def _part(batch: Batch, start: int, end: int) -> Batch:
    mask = None if batch.mask is None else batch.mask[start:end]
    return Batch(batch.inputs[start:end], batch.labels[start:end], mask)


def _gradients(network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
    """The loss's gradient by each weight that it depends on."""
    names, weights = zip(*network.named_parameters(), strict=True)
    loss = F.cross_entropy(network(*batch.arguments), batch.labels)
    gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    return {name: g for name, g in zip(names, gradients, strict=True) if g is not None}


class _NoNorm(nn.Module):
    """Stands in the place of a norm and passes its input on, whatever the mask."""

    def forward(self, x: Tensor, *_: object) -> Tensor:
        return x


class _Features:
    """The stem's output, once a batch went through: a leaf, so that gradients by it can be taken."""

    leaf: Tensor


@contextmanager
def _features(network: nn.Module, change: Callable[[Tensor], Tensor] | None = None) -> Iterator[_Features]:
    """Within the block the stem's output is detached, and changed by `change`."""
    features = _Features()

    def cut(_: nn.Module, __: object, output: Tensor) -> Tensor:
        changed = output.detach() if change is None else change(output.detach())
        features.leaf = changed.requires_grad_()
        return features.leaf

    handle = network.stem.register_forward_hook(cut)  # type: ignore[operator, union-attr]
    try:
        yield features
    finally:
        handle.remove()


class _CodesOfReLUs(TorchDispatchMode):
    """Counts, for each pair of examples, the inputs of ReLUs that are above 0 for both or for neither.

    It sees the calls themselves, since activations are functions, not modules that could have a hook.
    """

    def __init__(self, examples: int) -> None:
        super().__init__()
        self.agreements = torch.zeros(examples, examples, dtype=torch.float64)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in RELUS:
            on = (args[0] > 0).flatten(1).double()
            self.agreements = self.agreements.to(on.device) + on @ on.T + (1 - on) @ (1 - on).T
        return func(*args, **(kwargs or {}))
