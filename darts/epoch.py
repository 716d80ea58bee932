"""One epoch of a bilevel search: steps of the supernet's weights, and of its alphas."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from darts.alpha_price import price_gradients
from darts.architect import AlphaGradient, Architect
from darts.settings import SIGMOID, DartsSettings
from darts.supernet import Supernet
from neat_deep.base.errors import DivergedError
from neat_deep.base.randomness import derive_seed, seeded
from neat_deep.data import Augmentation, Batch, Split
from neat_deep.training.optimizer import make_optimizer
from neat_deep.training.settings import PRECISIONS, TrainingSettings


class StepListener(Protocol):
    """What wants to know of every step."""

    def step_done(self, epoch: int, share: float, weight_loss: float, alpha_loss: float | None) -> None:
        """One step of epoch number `epoch` (from 1) is done; `share` (0..1) of the epoch lies behind."""


class EpochMeans:
    """Loss and accuracy of an epoch's batches, each weighted by its examples."""

    def __init__(self) -> None:
        self._loss = 0.0
        self._hits = 0.0
        self.examples = 0

    def add(self, loss: float, accuracy: float, examples: int) -> None:
        """One batch more."""
        self._loss += loss * examples
        self._hits += accuracy * examples
        self.examples += examples

    @property
    def loss(self) -> float:
        """The mean loss of an example."""
        return self._loss / self.examples

    @property
    def accuracy(self) -> float:
        """The share (0..1) of right answers."""
        return self._hits / self.examples


class EpochTrainer:
    """Trains the weights on `weight_data` and the alphas on `alpha_data`, with the optimizers that it makes for them.

    An epoch depends on its index, the seed, and the state of supernet and optimizers alone: a search that resumes
    from a checkpoint needs no generator's state.
    """

    def __init__(
        self,
        supernet: Supernet,
        settings: DartsSettings,
        weight_data: Split,
        alpha_data: Split,
        *,
        device: torch.device,
        seed: int,
        augmentation: Augmentation,
        loss_weights: Tensor | None,
        listeners: Sequence[StepListener],
    ) -> None:
        self._supernet = supernet
        self._settings = settings
        self._weight_data = weight_data
        self._alpha_data = alpha_data
        self._device = device
        self._seed = seed
        self._augmentation = augmentation
        self._loss_weights = loss_weights
        self._listeners = listeners
        self._weight_optimizer = _weight_optimizer(supernet, settings)
        self._alpha_optimizer = torch.optim.Adam(
            supernet.alphas.parameters(),
            lr=settings.alpha_learning_rate,
            betas=(0.5, 0.999),  # as published: the alphas' gradients change as the weights do
            weight_decay=settings.alpha_weight_decay,
        )
        self.optimizers = (self._weight_optimizer, self._alpha_optimizer)
        self._zero_one_price = settings.zero_one_price if settings.sampling == SIGMOID else 0.0
        dtype = PRECISIONS[settings.precision]
        self._autocast = torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
        self.architect = Architect(supernet, dtype=dtype, loss_weights=loss_weights)

    def train(self, index: int) -> tuple[EpochMeans, EpochMeans]:
        """Train weights, and alphas from epoch `weight_epochs` on, once over the weights' examples.

        `index` counts epochs from 0. Returns the means of the weights' steps, and those of the alphas' steps, which
        have no example in an epoch of weights alone. Raises `DivergedError` when a loss is not finite.
        """
        trains_alphas = index >= self._settings.weight_epochs
        self._supernet.train()
        order = torch.Generator().manual_seed(derive_seed(self._seed, "weight batches", str(index)))
        alpha_batches = self._alpha_batches(index)
        total, done = len(self._weight_data), 0
        weights, alphas = EpochMeans(), EpochMeans()
        with seeded(derive_seed(self._seed, "weight steps", str(index)), self._device):
            for step, batch in enumerate(
                self._weight_data.train_batches(self._settings.batch_size, order, self._augmentation)
            ):
                rate = self._learning_rate(index + done / total)
                self._set_rate(rate)
                figures, alpha_loss = [], None
                if trains_alphas:
                    alpha_batch = next(alpha_batches)
                    alpha_step = self._alpha_step(batch, alpha_batch, rate, index, step)
                    figures += [alpha_step.loss, alpha_step.accuracy]
                figures += self._weight_step(batch)
                *of_alphas, loss, accuracy = torch.stack(figures).tolist()  # one wait for the device in a step
                if of_alphas:
                    alpha_loss, alpha_accuracy = of_alphas
                    alphas.add(alpha_loss, alpha_accuracy, len(alpha_batch.labels))
                weights.add(loss, accuracy, len(batch.labels))
                self._check_finite(index, loss, alpha_loss)
                done += len(batch.labels)
                for listener in self._listeners:
                    listener.step_done(index + 1, done / total, loss, alpha_loss)
        return weights, alphas

    def train_weights(self, name: str, rates: Sequence[float]) -> None:
        """A step of the weights alone for each of `rates`, on batches in an order of the name's own."""
        self._supernet.train()
        order = torch.Generator().manual_seed(derive_seed(self._seed, "more weight batches", name))
        batches = self._batches(self._weight_data, order, self._augmentation)
        with seeded(derive_seed(self._seed, "more weight steps", name), self._device):
            for rate, batch in zip(rates, batches, strict=False):  # there is no end of batches
                self._set_rate(rate)
                self._weight_step(batch)

    def _set_rate(self, rate: float) -> None:
        for group in self._weight_optimizer.param_groups:
            group["lr"] = rate

    def _entropy_price(self, index: int) -> float:
        """Rises in a line over the epochs that train alphas: early on it would decide by chance."""
        first, last = self._settings.weight_epochs, self._settings.epochs - 1
        return self._settings.entropy_price * (index - first) / max(1, last - first)

    def _alpha_step(self, train: Batch, validation: Batch, rate: float, index: int, step_index: int) -> AlphaGradient:
        seed = derive_seed(self._seed, "alpha steps", f"{index} {step_index}")
        if self._settings.order == "first":
            step = self.architect.first_order(validation, seed=seed)
        else:
            step = self.architect.second_order(train, validation, self._weight_optimizer, rate, seed=seed)
        alphas = self._supernet.alphas
        prices = price_gradients(alphas, self._entropy_price(index), self._zero_one_price)
        for alpha, gradient, price in zip(alphas.parameters(), step.gradients, prices, strict=True):
            alpha.grad = gradient if price is None else gradient + price
        self._alpha_optimizer.step()
        return step

    def _weight_step(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """One step of the weights; returns the loss and the share of right answers."""
        with self._supernet.fixed_alphas(), self._autocast:
            logits = self._supernet(*batch.arguments)
            loss = F.cross_entropy(logits, batch.labels, self._loss_weights)
        weights = list(self._supernet.weights())
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)  # a sampled pass leaves some ops out
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        if self._settings.gradient_clip:
            nn.utils.clip_grad_norm_(weights, self._settings.gradient_clip)
        self._weight_optimizer.step()
        return loss.detach(), (logits.detach().argmax(1) == batch.labels).float().mean()

    def _alpha_batches(self, index: int) -> Iterator[Batch]:
        """Batches of the alphas' examples without end, in an order of the epoch's own."""
        order = torch.Generator().manual_seed(derive_seed(self._seed, "alpha batches", str(index)))
        return self._batches(self._alpha_data, order)

    def _batches(
        self, data: Split, order: torch.Generator, augmentation: Augmentation | None = None
    ) -> Iterator[Batch]:
        while True:
            yield from data.train_batches(self._settings.batch_size, order, augmentation)

    def _learning_rate(self, epochs_done: float) -> float:
        """Half a cosine from the first to the final rate over the whole search."""
        first, final = self._settings.learning_rate, self._settings.final_learning_rate
        return final + (first - final) * (1 + math.cos(math.pi * epochs_done / self._settings.epochs)) / 2

    def _check_finite(self, index: int, weight_loss: float, alpha_loss: float | None) -> None:
        for name, loss in (("weights", weight_loss), ("alphas", alpha_loss)):
            if loss is not None and not math.isfinite(loss):
                raise DivergedError(
                    f"the loss of the {name} became {loss} in epoch {index + 1} of {self._settings.epochs};"
                    " lower learning_rate or alpha_learning_rate in [Darts]"
                )


def _weight_optimizer(supernet: Supernet, settings: DartsSettings) -> torch.optim.Optimizer:
    optimizer = make_optimizer(
        supernet.network,
        TrainingSettings(
            optimizer=settings.optimizer,
            learning_rate=settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
        ),
    )
    if settings.optimizer == "sgd" and settings.momentum:
        # From the start, where torch would make each at its weight's first gradient: its fused SGD does not know
        # weights with a buffer beside weights without one, as sampling leaves them.
        for weight in supernet.weights():
            optimizer.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
    return optimizer
