"""How a network is trained, as settings."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from neat_deep.base.checks import check_choice, check_range
from neat_deep.data import Augmentation
from neat_deep.training.class_weights import CLASS_WEIGHTS, NO_WEIGHTS
from neat_deep.training.schedules import SCHEDULES

OPTIMIZERS = ("adamw", "adam", "sgd", "nesterov")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained.

    `warmup` is a share of all steps. `ema` is the decay of an exponential moving average of the weights, which
    replaces the weights at the end (0: off). `early_stopping` is after how many epochs without a better validation
    accuracy training ends; the weights of the best epoch are kept (0: off, all epochs are trained and the last
    weights kept). Precisions other than float32 are autocast, meant for GPUs.
    """

    epochs: int = 10
    batch_size: int = 128
    optimizer: str = "adamw"
    learning_rate: float = 0.003  # at the schedule's peak
    weight_decay: float = 0.01  # spares norms and biases
    momentum: float = 0.9  # of sgd, and of nesterov, which is sgd with Nesterov's momentum
    schedule: str = "one_cycle"
    warmup: float = 0.3
    label_smoothing: float = 0.0
    r_drop: float = 0.0  # how much two passes with other dropout must agree; above 0 a step takes twice as long
    class_weights: str = NO_WEIGHTS  # balanced: the examples of each class together count the same
    gradient_clip: float = 0.0  # largest norm of all gradients together; 0: off
    ema: float = 0.0
    early_stopping: int = 0
    mixup: float = 0.0  # of images: the a of Beta(a, a), which the share of another image is drawn from; 0: off
    cutmix: float = 0.0  # the same, for the area that a rectangle of another image takes
    progressive_sizes: tuple[int, ...] = ()  # of images: their shorter sides, each for an equal share of the training
    frozen_vectors: int = 0  # of texts with word vectors: epochs in which these stay as they are; 0: they learn at once
    precision: str = "float32"
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        check_range("epochs", self.epochs, low=1)
        check_range("batch_size", self.batch_size, low=2)  # batch statistics need two
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_range("learning_rate", self.learning_rate, above=0, high=100)
        check_range("weight_decay", self.weight_decay, low=0)
        check_range("momentum", self.momentum, low=0, high=0.9999)
        if self.optimizer == "nesterov":
            check_range("momentum with optimizer = nesterov", self.momentum, above=0, high=0.9999)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_range("warmup", self.warmup, low=0, high=0.9)
        check_range("label_smoothing", self.label_smoothing, low=0, high=0.9)
        check_range("r_drop", self.r_drop, low=0, high=100)
        check_choice("class_weights", self.class_weights, CLASS_WEIGHTS)
        check_range("gradient_clip", self.gradient_clip, low=0)
        check_range("ema", self.ema, low=0, high=0.9999)
        check_range("early_stopping", self.early_stopping, low=0)
        check_range("mixup", self.mixup, low=0, high=100)
        check_range("cutmix", self.cutmix, low=0, high=100)
        for size in self.progressive_sizes:
            check_range("progressive_sizes", size, low=1)
        check_range("frozen_vectors", self.frozen_vectors, low=0)
        check_choice("precision", self.precision, PRECISIONS)
