"""Batch normalisations' statistics for scoring, measured in one go instead of averaged along a training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from neat_deep.data import Split
from neat_deep.data.batching import batch_bounds

BATCH_SIZE = 256
EXAMPLES = 2048  # that the statistics are measured on after a training


def measuring_batch(training_batch: int) -> int:
    """The batch to measure with, after a training in batches of `training_batch`.

    Without gradients four such batches take less memory than one does in training.
    """
    return min(BATCH_SIZE, 4 * training_batch)


def measure_after_training(network: nn.Module, train: Split, training_batch: int) -> None:
    """Measure the statistics anew where the last batches would decide them; the network's mode is restored."""
    if train.groups_alike:
        was_training = network.training
        measure_norms(network, train, examples=EXAMPLES, batch_size=measuring_batch(training_batch))
        network.train(was_training)


@torch.no_grad()
def measure_norms(network: nn.Module, split: Split, *, examples: int = 0, batch_size: int = BATCH_SIZE) -> None:
    """Set each batch normalisation's running statistics to the mean and variance over all that it is given.

    What it is given are `examples` of `split` (0: all), drawn at random and always the same, `batch_size` at once; of
    texts every real token counts the same. The network is left in evaluation mode. A moving average along the training
    knows the weights of its last steps only roughly, and of texts, whose batches are sorted by length, mostly the
    lengths of the last few; stochastic weight averaging measures anew for the first reason (Izmailov et al., arXiv
    1803.05407, section 3.1).
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    network.eval()
    if not norms:
        return
    pools = [_Pool(norm) for norm in norms]
    drawn = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))[: examples or None]
    try:
        for norm in norms:
            norm.train()  # features reach the next one as in training
        for start, end in batch_bounds(len(drawn), batch_size):
            # One batch: a generator of its own orders it, and no example stands alone.
            part = split.subset(drawn[start:end])
            for batch in part.train_batches(batch_size + 1, torch.Generator()):
                network(*batch.arguments)
    finally:
        network.eval()
        for pool in pools:
            pool.remove()
    for pool in pools:
        pool.close()


class _Pool:
    """Sums up what one normalisation is given, until it is closed."""

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        self._norm = norm
        self._count = 0
        self._sum: Tensor | float = 0.0
        self._squares: Tensor | float = 0.0
        self._hook = norm.register_forward_pre_hook(self._add, with_kwargs=True)

    def _add(self, _: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        x, mask = (*arguments, named.get("mask"))[:2]
        rows = x.movedim(1, -1)
        rows = (rows[mask] if mask is not None else rows.flatten(0, -2)).double()  # (positions, C)
        self._count += len(rows)
        self._sum = self._sum + rows.sum(0)
        self._squares = self._squares + rows.square().sum(0)

    def remove(self) -> None:
        """Listen no more."""
        self._hook.remove()

    def close(self) -> None:
        """Give the normalisation its statistics; the variance is the unbiased one, as in training."""
        mean, variance = self._norm.running_mean, self._norm.running_var
        if mean is None or variance is None or self._count < 2:
            return
        exact = torch.as_tensor(self._sum / self._count)
        mean.copy_(exact)
        spread = torch.as_tensor(self._squares / self._count) - exact.square()
        variance.copy_(spread.clamp(min=0) * self._count / (self._count - 1))
