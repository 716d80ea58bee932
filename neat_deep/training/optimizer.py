"""The optimizer of a network's weights, and its learning rate at each step."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import nn

from neat_deep.networks.hashed_bag import EPSILON, HashedBag
from neat_deep.networks.parts import word_vectors
from neat_deep.training.schedules import SCHEDULES
from neat_deep.training.settings import TrainingSettings

KINDS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD, "nesterov": torch.optim.SGD}
WITH_MOMENTUM = ("sgd", "nesterov")


def make_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """The optimizer; weight decay applies to matrices and kernels, not to norms and biases, nor to n-grams.

    A decay would draw the n-grams' weights away from the counts that they start from.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    ngrams = {id(module.weight): module.weight for module in model.modules() if isinstance(module, HashedBag)}
    # Weights that are released later stand alone: torch's fused SGD wants momenta of all of a group, or of none.
    released = {id(p): p for p in (word_vectors(model) if settings.frozen_vectors else []) if p.requires_grad}
    others = [p for p in parameters if id(p) not in ngrams | released]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in others if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if released:
        groups.append({"params": [*released.values()], "weight_decay": settings.weight_decay})
    if ngrams:
        epsilon = {} if settings.optimizer in WITH_MOMENTUM else {"eps": EPSILON}
        groups.append({"params": [*ngrams.values()], "weight_decay": 0.0, **epsilon})
    kind: Any = KINDS[settings.optimizer]
    options: dict[str, Any] = {"lr": settings.learning_rate}
    if settings.optimizer in WITH_MOMENTUM:
        options |= {"momentum": settings.momentum, "nesterov": settings.optimizer == "nesterov"}
    if parameters and _is_fused(kind, parameters[0].device):
        options["fused"] = True  # one kernel for all weights
    optimizer: torch.optim.Optimizer = kind(groups, **options)
    return optimizer


def set_learning_rate(optimizer: torch.optim.Optimizer, settings: TrainingSettings, start: float, end: float) -> None:
    """Set every group's learning rate for the step that takes the training from the share `start` to `end` (0..1)."""
    rate = settings.learning_rate * SCHEDULES[settings.schedule](start, end, settings.warmup)
    for group in optimizer.param_groups:
        group["lr"] = rate


@functools.cache
def _is_fused(kind: Any, device: torch.device) -> bool:
    """Whether an optimizer of `kind` has a fused kernel on `device`; torch 2.3 tells at its first step only."""
    weight = torch.zeros(1, device=device, requires_grad=True)
    weight.grad = torch.zeros_like(weight)
    try:
        kind([weight], lr=0.1, fused=True).step()
    except (RuntimeError, TypeError):
        return False
    return True
