"""Training and scoring of any module that maps a batch to logits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from neat_deep.base.errors import ConfigError, DivergedError
from neat_deep.base.randomness import seeded
from neat_deep.data import Batch, Split
from neat_deep.networks.norm_statistics import measure_after_training
from neat_deep.networks.parts import word_vectors
from neat_deep.training.class_weights import loss_weights
from neat_deep.training.mixing import Mixed, Mixer
from neat_deep.training.optimizer import make_optimizer, set_learning_rate
from neat_deep.training.progressive import has_last_size, resized, size_at, work_done
from neat_deep.training.settings import PRECISIONS, TrainingSettings

BINS = 15  # of probabilities, as in the paper on calibration


@dataclass(frozen=True)
class Progress:
    """Where a training stands: batches of `epoch` (from 1) up to `share` (0..1) of all samples are done.

    `work` is the share of the time, which is another one where images grow.
    """

    epoch: int
    epochs: int
    share: float
    loss: float
    work: float


@dataclass(frozen=True)
class FitReport:
    """What a training did; `loss` is the mean over the last epoch's samples.

    `best_epoch` (from 1) is the one whose weights were kept: the last, unless early stopping chose.
    """

    epochs: int
    samples: int
    loss: float
    seconds: float
    best_epoch: int


@dataclass(frozen=True)
class Evaluation:
    """A score over all examples of a split, each counted once; `accuracy` is a share (0..1).

    `balanced_accuracy` is the mean of the classes' own accuracies, `macro_f1` the mean of their F1 scores: a rare class
    counts as much as a frequent one. Both are of the classes that occur, `macro_f1` also of those that are guessed.

    `calibration_error` is how far the probability of a guess is from the share of such guesses that are right: the
    expected calibration error of Guo et al., arXiv 1706.04599, eq. 3, of 15 bins. `confusion` counts the examples of
    each class (rows) by what they were taken for (columns).
    """

    loss: float
    accuracy: float
    examples: int
    balanced_accuracy: float = math.nan
    macro_f1: float = math.nan
    calibration_error: float = math.nan
    confusion: tuple[tuple[int, ...], ...] = ()


def fit(
    model: nn.Module,
    train: Split,
    settings: TrainingSettings,
    *,
    device: torch.device,
    seed: int,
    validation: Split | None = None,
    on_step: Callable[[Progress], None] | None = None,
    seconds: float | None = None,
) -> FitReport:
    """Train `model` in place on every example of `train`, `settings.epochs` times.

    With `seconds` it ends when they are over, if that comes first, and the learning rate's schedule with it: where the
    training is late, its progress is the share of the time instead of that of the examples.

    With `settings.frozen_vectors` so many epochs leave the word vectors of a network for texts as they are. With
    `settings.early_stopping` each epoch is scored on `validation`, of images that grow (`settings.progressive_sizes`)
    those of the last size. Of texts, whose batches are sorted by length, the batch normalisations' statistics are
    measured anew before they are scored and at the end. On the CPU the same seed, data and number of threads give the
    same weights, bit for bit. Raises `DivergedError` at the first loss that is not finite, or when the last step leaves
    weights that are not, and `ConfigError` for early stopping without `validation`.
    """
    if settings.early_stopping and validation is None:
        raise ConfigError(f"early_stopping: got {settings.early_stopping}, allowed: 0, or a validation part to stop by")
    started = time.perf_counter()
    train = train.to(device)
    prepare(model, device)
    model.train()
    optimizer = make_optimizer(model, settings)
    average = (
        AveragedModel(model, multi_avg_fn=_warmed_up_average(settings.ema), use_buffers=True) if settings.ema else None
    )
    scaler = torch.amp.GradScaler(device.type, enabled=settings.precision == "float16")
    generator = torch.Generator().manual_seed(seed)
    total, done, epoch_loss, epoch_examples, epoch = settings.epochs * len(train), 0, 0.0, 0, 0
    best = _BestWeights()
    # What a caller froze stays so.
    vectors = [w for w in word_vectors(model) if w.requires_grad] if settings.frozen_vectors else []
    weights = loss_weights(settings.class_weights, train.labels)
    mixer = Mixer(settings, seed) if settings.mixup or settings.cutmix else None

    def is_over() -> bool:
        return seconds is not None and time.perf_counter() - started >= seconds

    with seeded(seed, device):
        for epoch in range(settings.epochs):
            for weight in vectors:
                weight.requires_grad_(epoch >= settings.frozen_vectors)
            epoch_loss, epoch_examples = 0.0, 0
            for batch in train.train_batches(settings.batch_size, generator, settings.augmentation):
                late = 0.0 if seconds is None else (time.perf_counter() - started) / seconds
                before = max(done / total, min(late, 1.0))
                after = max((done + len(batch.labels)) / total, before)
                set_learning_rate(optimizer, settings, before, after)
                if settings.progressive_sizes:
                    batch = resized(batch, size_at(settings.progressive_sizes, after))
                mixed = None
                if mixer is not None:
                    mixed = mixer(batch)
                    batch = mixed.batch
                loss = _step(model, batch, optimizer, scaler, settings, weights, mixed)
                if not math.isfinite(loss):
                    raise DivergedError(f"the loss became {loss} in epoch {epoch + 1} of {settings.epochs}")
                if average is not None:
                    average.update_parameters(model)
                done += len(batch.labels)
                epoch_loss += loss * len(batch.labels)
                epoch_examples += len(batch.labels)
                if on_step is not None:
                    work = work_done(settings.progressive_sizes, done / total)
                    on_step(Progress(epoch + 1, settings.epochs, done / total, loss, work))
                if is_over():
                    break
            if settings.early_stopping and validation is not None and has_last_size(settings.progressive_sizes, after):
                scored = model if average is None else average.module
                measure_after_training(scored, train, settings.batch_size)
                best.offer(epoch + 1, scored, evaluate(scored, validation, device=device))
                if epoch + 1 - best.epoch >= settings.early_stopping:
                    break
            if is_over():
                break
    for weight in vectors:
        weight.requires_grad_(True)
    if best.weights:
        model.load_state_dict(best.weights)
    elif average is not None:
        model.load_state_dict(average.module.state_dict())
    if not best.weights:
        measure_after_training(model, train, settings.batch_size)
    if not all(torch.isfinite(value).all() for value in model.state_dict().values()):
        raise DivergedError(f"the weights were not finite after the last of {settings.epochs} epochs")
    mean_loss = epoch_loss / epoch_examples
    return FitReport(epoch + 1, done, mean_loss, time.perf_counter() - started, best.epoch or epoch + 1)


@torch.no_grad()
def evaluate(model: nn.Module, split: Split, *, device: torch.device, batch_size: int = 500) -> Evaluation:
    """Score `model` on all of `split`, in evaluation mode; the model's mode is restored."""
    split = split.to(device)
    prepare(model, device)
    was_training = model.training
    model.eval()
    loss = torch.zeros((), device=device)
    confusion: Tensor | None = None  # (classes, classes)
    bins = torch.zeros(BINS, device=device)  # of right guesses, less the sum of their probabilities
    for batch in split.eval_batches(batch_size):
        logits = model(*batch.arguments).float()
        loss += F.cross_entropy(logits, batch.labels, reduction="sum")
        probabilities, guesses = logits.softmax(1).max(1)
        classes = logits.shape[1]
        pairs = (batch.labels * classes + guesses).bincount(minlength=classes**2).view(classes, classes)
        confusion = pairs if confusion is None else confusion + pairs
        surplus = (guesses == batch.labels).float() - probabilities
        # A bin holds its upper end; what is not a number has no bin of its own.
        places = (probabilities * BINS).ceil().nan_to_num(1.0).long().clamp(1, BINS) - 1
        bins += torch.zeros_like(bins).index_add(0, places, surplus)
    model.train(was_training)
    assert confusion is not None  # a split has examples
    return _evaluation(loss.item() / len(split), confusion.cpu(), float(bins.abs().sum()) / len(split))


def _evaluation(loss: float, confusion: Tensor, calibration_error: float) -> Evaluation:
    """The score from the examples (classes, classes) of each class by what they were taken for."""
    examples, guesses, correct = confusion.sum(1).double(), confusion.sum(0).double(), confusion.diag().double()
    present, seen = examples > 0, examples + guesses > 0
    accuracies = correct[present] / examples[present]
    f1 = 2 * correct[seen] / (examples + guesses)[seen]
    total = int(examples.sum())
    return Evaluation(
        loss,
        correct.sum().item() / total,
        total,
        accuracies.mean().item(),
        f1.mean().item(),
        calibration_error,
        tuple(map(tuple, confusion.tolist())),
    )


def prepare(model: nn.Module, device: torch.device) -> nn.Module:
    """Move a model to its device, with convolution weights in channels_last (1.7x faster on two CPU cores)."""
    return model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class _BestWeights:
    """The weights of the epoch with the highest validation accuracy so far, of equals the one with the lowest loss."""

    def __init__(self) -> None:
        self.epoch = 0
        self.weights: dict[str, Tensor] = {}
        self._score = (-math.inf, -math.inf)

    def offer(self, epoch: int, model: nn.Module, result: Evaluation) -> None:
        """Keep a copy of the weights if they are the best."""
        score = (result.accuracy, -result.loss)
        if score > self._score:
            self.epoch, self._score = epoch, score
            self.weights = {name: value.clone() for name, value in model.state_dict().items()}


def _warmed_up_average(decay: float) -> Callable[[Any, Any, Any], None]:
    """A moving average whose decay rises to `decay`, or a short training would keep its first steps' weights.

    After n averaged steps the decay is min(decay, (1 + n) / (10 + n)), as in TensorFlow's ExponentialMovingAverage.
    Tensors of whole numbers, as counts and places, are taken over as they are: torch would average these too, and cut
    off what is behind the point.
    """

    def update(averaged: Any, current: Any, steps: Tensor) -> None:
        if not averaged[0].is_floating_point():  # all of a call are of one type
            for old, new in zip(averaged, current, strict=True):
                old.copy_(new)
            return
        n = int(steps)
        get_ema_multi_avg_fn(min(decay, (1 + n) / (10 + n)))(averaged, current, steps)

    return update


def _step(
    model: nn.Module,
    batch: Batch,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    settings: TrainingSettings,
    weights: Tensor | None,
    mixed: Mixed | None,
) -> float:
    """One step of the optimizer; returns the loss, without stepping when it is not finite.

    `weights` (classes,) are how much an example of each class counts, None for all the same.
    """
    dtype = PRECISIONS[settings.precision]
    with torch.autocast(batch.inputs.device.type, dtype=dtype, enabled=dtype != torch.float32):
        loss = _loss(model, batch, settings, weights, mixed)
    value = float(loss.item())
    if math.isfinite(value):
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        if settings.gradient_clip:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_clip)
        scaler.step(optimizer)
        scaler.update()
    return value


def _loss(
    model: nn.Module, batch: Batch, settings: TrainingSettings, weights: Tensor | None, mixed: Mixed | None
) -> Tensor:
    """The mean loss of a batch; with `r_drop` of two passes, and how far these are apart.

    That is half of eq. 4 of Liang et al., arXiv 2106.14448, so that it is in the measure of a single pass.
    """

    def entropy(logits: Tensor) -> Tensor:
        own = of_labels(logits, batch.labels)
        return own if mixed is None else mixed.share * own + (1 - mixed.share) * of_labels(logits, mixed.others)

    def of_labels(logits: Tensor, labels: Tensor) -> Tensor:
        of_classes = None if weights is None else F.pad(weights, (0, logits.shape[1] - len(weights))).to(logits.dtype)
        return F.cross_entropy(logits, labels, of_classes, label_smoothing=settings.label_smoothing)

    logits = model(*batch.arguments)
    if not settings.r_drop:
        return entropy(logits)
    other = model(*batch.arguments)
    one, two = logits.log_softmax(1), other.log_softmax(1)
    apart = ((one.exp() - two.exp()) * (one - two)).sum(1).mean()  # both directions of the divergence together
    return (entropy(logits) + entropy(other)) / 2 + settings.r_drop / 4 * apart
