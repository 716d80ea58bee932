"""The functions of the built-in metrics."""

from __future__ import annotations

import torch

from neat_deep.networks.cost import count_macs, count_parameters, measure_latency
from neat_deep.scoring.metrics import Measured
from neat_deep.training.fit import Evaluation, evaluate


def accuracy(measured: Measured) -> float:
    """The share (0..1) of the validation examples that are classified rightly."""
    return _evaluation(measured).accuracy


def loss(measured: Measured) -> float:
    """The mean cross-entropy of the validation examples."""
    return _evaluation(measured).loss


def balanced_accuracy(measured: Measured) -> float:
    """The mean of the classes' own accuracies (0..1)."""
    return _evaluation(measured).balanced_accuracy


def macro_f1(measured: Measured) -> float:
    """The mean of the classes' F1 scores (0..1)."""
    return _evaluation(measured).macro_f1


def parameters(measured: Measured) -> float:
    """The number of trainable weights."""
    return count_parameters(measured.network)


def macs(measured: Measured) -> float:
    """The multiply-accumulates of one example."""
    return count_macs(measured.network, measured.data)


def latency(measured: Measured) -> float:
    """The milliseconds for one example."""
    return measure_latency(measured.network, measured.data)


def loss_sum(measured: Measured) -> float:
    """The epochs' mean training losses, summed (Ru et al., arXiv 2006.04492, eq. 1), of the last rung alone."""
    return sum(measured.losses)


def _evaluation(measured: Measured) -> Evaluation:
    device: torch.device = next(measured.network.parameters()).device
    return evaluate(measured.network, measured.validation, device=device)
