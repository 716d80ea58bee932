"""The bilevel loop: weights on one part of the training examples, alphas on the other, epoch by epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from darts.architect import AlphaGradient, Architect
from darts.checkpoint import Identity, load_checkpoint, save_checkpoint
from darts.derivation import Derived, count_identities, count_parameter_free, derive_weighted
from darts.history import EpochSummary
from darts.settings import DartsSettings
from darts.supernet import build_supernet, compile_edges
from darts.warm_starts import inherit_network, warm_start
from neat_deep.base.errors import ConfigError, DataError, DivergedError
from neat_deep.base.randomness import derive_seed, seeded
from neat_deep.data import (
    Augmentation,
    Batch,
    Dataset,
    Split,
    digest_examples,
    stratified_split,
    stratified_subset,
)
from neat_deep.networks.norm_statistics import measure_after_training, measure_norms, measuring_batch
from neat_deep.networks.suitability import check_op, check_ops
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph
from neat_deep.training.fit import Evaluation, evaluate, prepare
from neat_deep.training.optimizer import make_optimizer
from neat_deep.training.settings import PRECISIONS, TrainingSettings


@dataclass(frozen=True)
class SearchResult:
    """What a search by gradient descent ended in.

    `supernet` and `inherited` are scores on the validation examples, which trained neither weights nor alphas:
    of the supernet, and of the derived network with the supernet's weights, before any retraining (None where the
    supernet's ops are narrower than the network's). Their difference is the discretisation gap.
    """

    architecture: Architecture
    derived: Derived
    supernet: Evaluation
    inherited: Evaluation | None
    history: tuple[EpochSummary, ...]
    stopped_early: bool
    seconds: float  # of all epochs, those before a resume too


class SearchListener(Protocol):
    """What wants to know how a search goes on."""

    def resume(self, history: Sequence[EpochSummary]) -> None:
        """A checkpoint was loaded; `history` holds the epochs that led there."""

    def step_done(self, epoch: int, share: float, weight_loss: float, alpha_loss: float | None) -> None:
        """One step of epoch number `epoch` (from 1) is done; `share` (0..1) of the epoch lies behind."""

    def epoch_done(self, summary: EpochSummary, derived: Derived) -> None:
        """An epoch is done; `derived` is the cell that the alphas stand for now."""


def search(
    settings: DartsSettings,
    skeleton: Skeleton,
    dataset: Dataset,
    *,
    device: torch.device,
    seed: int,
    augmentation: Augmentation | None = None,
    start: CellGraph | None = None,
    checkpoint: Path | None = None,
    listeners: Sequence[SearchListener] = (),
    latest: float | None = None,
) -> SearchResult:
    """Search a cell by gradient descent (DARTS, arXiv 1806.09055, algorithm 1) and derive it.

    `skeleton` is the final network's; the supernet's width is `settings.channels`. `start` is a cell whose candidates
    the alphas favour at first. After each epoch the state goes to `checkpoint`, and if that file exists the search
    goes on from it; on the CPU, with as many threads, it then ends as an unbroken one would, bit for bit. Once alphas
    are trained, no epoch begins that would probably end after `latest`, a point of `time.time()`.

    Raises `ConfigError` or `DataError` for settings that do not suit the data, `GraphError` for a `start` that is
    not in the search space, `SearchError` for a checkpoint of another search, `DivergedError` when a loss is not
    finite.
    """
    run = _Run(settings, skeleton, dataset, device, seed, augmentation or Augmentation(), start, listeners)
    if checkpoint is not None and checkpoint.exists():
        run.history, run.kept = load_checkpoint(checkpoint, run.identity, run.supernet, run.optimizers)
        for listener in listeners:
            listener.resume(run.history)
    while not run.ended() and not run.is_late(latest):
        derived = run.epoch()
        if checkpoint is not None:  # first of all: what is reported is then never reported again after a resume
            save_checkpoint(checkpoint, run.identity, run.supernet, run.optimizers, run.history, run.kept)
        for listener in listeners:
            listener.epoch_done(run.history[-1], derived)
    return run.result()


def check_search(settings: DartsSettings, skeleton: Skeleton, dataset: Dataset) -> None:
    """Raise `ConfigError` or `DataError` for settings that are possible, but not with this network or data set."""
    space, rank = settings.space(), dataset.spec.rank
    check_ops(space.real_ops, rank)
    narrow = settings.skeleton(skeleton)
    for cell in range(narrow.cells):
        channels = narrow.channels_of_cell(cell)
        if channels % settings.partial_channels:
            raise ConfigError(
                f"partial_channels: got {settings.partial_channels}, allowed: a divisor of every cell's channels"
                f" (cell {cell + 1} has {channels})"
            )
        for width in (channels // settings.partial_channels, skeleton.channels_of_cell(cell)):
            for op in space.real_ops:
                check_op(op, rank, width)
    if settings.compile and rank != 2:
        raise ConfigError("compile: got True, allowed for texts: False; their lengths would be compiled one by one")
    if 0 < settings.train_subset < 2 * dataset.spec.num_classes:
        raise ConfigError(
            f"train_subset: got {settings.train_subset}, allowed: 0 (all), or {2 * dataset.spec.num_classes}"
            " (two of each class) or more"
        )
    _bilevel_split(dataset.train, settings, 0)


class _Means:
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


class _Run:
    """One search in progress: supernet, optimizers, the two parts of the training examples, the epochs so far."""

    def __init__(
        self,
        settings: DartsSettings,
        skeleton: Skeleton,
        dataset: Dataset,
        device: torch.device,
        seed: int,
        augmentation: Augmentation,
        start: CellGraph | None,
        listeners: Sequence[SearchListener],
    ) -> None:
        check_search(settings, skeleton, dataset)
        self.settings = settings
        self.full = skeleton
        self.skeleton = settings.skeleton(skeleton)
        self.dataset = dataset
        self.device = device
        self.seed = seed
        self.augmentation = settings.augmentation(augmentation)
        self.listeners = listeners
        self.supernet = build_supernet(
            settings.space(),
            self.skeleton,
            dataset.spec,
            seed=seed,
            partial_channels=settings.partial_channels,
            edge_normalisation=settings.edge_normalisation,
            vectors=dataset.vectors,
        )
        prepare(self.supernet, device)
        if start is not None:
            warm_start(self.supernet.alphas, start)
        weights, alphas = _bilevel_split(dataset.train, settings, seed)
        self.weight_data, self.alpha_data = weights.to(device), alphas.to(device)
        examples = digest_examples((weights, alphas, dataset.validation), dataset.vectors)
        self.identity = Identity(
            settings,
            self.skeleton,
            dataset.spec,
            seed,
            self.augmentation,
            examples,
            None if start is None else start.digest(),
        )
        self.weight_optimizer = make_optimizer(
            self.supernet.network,
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
            for weight in self.supernet.weights():
                self.weight_optimizer.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        self.alpha_optimizer = torch.optim.Adam(
            self.supernet.alphas.parameters(),
            lr=settings.alpha_learning_rate,
            betas=(0.5, 0.999),  # as published: the alphas' gradients change as the weights do
            weight_decay=settings.alpha_weight_decay,
        )
        self.optimizers = (self.weight_optimizer, self.alpha_optimizer)
        dtype = PRECISIONS[settings.precision]
        self.autocast = torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
        self.architect = Architect(self.supernet, dtype=dtype)
        self.history: list[EpochSummary] = []
        self.kept: Derived | None = None  # the last cell of trained alphas that `stop_parameter_free` allows
        if settings.compile:
            compile_edges(self.supernet, settings.batch_size)

    def ended(self) -> bool:
        """Whether all epochs are done, or parameter-free ops have taken over."""
        return len(self.history) >= self.settings.epochs or self.stopped_early()

    def is_late(self, latest: float | None) -> bool:
        """Whether alphas are trained, and one more epoch as long as the last would end after `latest`."""
        if latest is None or len(self.history) <= self.settings.weight_epochs:
            return False
        return time.time() + self.history[-1].seconds > latest

    def stopped_early(self) -> bool:
        """Whether parameter-free ops took over: the last epoch's cell has as many as the limit, one before had fewer.

        Cells of random alphas often have many; they have not taken over (DARTS+, arXiv 1909.06035, section 3.2).
        """
        limit = self.settings.stop_parameter_free
        return bool(limit and self.kept is not None and self.history[-1].parameter_free >= limit)

    def epoch(self) -> Derived:
        """Train weights, and alphas from epoch `weight_epochs` on, once over the weights' examples.

        Returns the cell that the alphas stand for then.
        """
        started = time.perf_counter()
        index = len(self.history)
        trains_alphas = index >= self.settings.weight_epochs
        self._set_brakes(index)
        self.supernet.train()
        # Every epoch starts from a seed of its own: a resumed search needs no generator's state.
        order = torch.Generator().manual_seed(derive_seed(self.seed, "weight batches", str(index)))
        alpha_batches = self._alpha_batches(index)
        total, done = len(self.weight_data), 0
        weights, alphas = _Means(), _Means()
        with seeded(derive_seed(self.seed, "weight steps", str(index)), self.device):
            for step, batch in enumerate(
                self.weight_data.train_batches(self.settings.batch_size, order, self.augmentation)
            ):
                rate = self._learning_rate(index + done / total)
                for group in self.weight_optimizer.param_groups:
                    group["lr"] = rate
                figures, alpha_loss = [], None
                if trains_alphas:
                    alpha_batch = next(alpha_batches)
                    found = self._alpha_step(batch, alpha_batch, rate, f"{index} {step}")
                    figures += [found.loss, found.accuracy]
                figures += self._weight_step(batch)
                *of_alphas, loss, accuracy = torch.stack(figures).tolist()  # one wait for the device in a step
                if of_alphas:
                    alpha_loss, alpha_accuracy = of_alphas
                    alphas.add(alpha_loss, alpha_accuracy, len(alpha_batch.labels))
                weights.add(loss, accuracy, len(batch.labels))
                self._check_finite(loss, alpha_loss)
                done += len(batch.labels)
                for listener in self.listeners:
                    listener.step_done(index + 1, done / total, loss, alpha_loss)
        return self._summarise(weights, alphas, time.perf_counter() - started)

    def result(self) -> SearchResult:
        """Derive, and score supernet and derived network on the validation examples."""
        self._set_brakes(max(0, len(self.history) - 1))  # no epoch has, if the search was taken up at its end
        derived = derive_weighted(self.supernet.alphas, identity_cap=self.settings.identity_cap)
        if self.stopped_early() and self.kept is not None:
            derived = self.kept
        inherited, batch_size = None, self.settings.batch_size
        if self.settings.partial_channels == 1:
            network = inherit_network(self.supernet, derived.cell, self.skeleton, self.dataset.spec)
            prepare(network, self.device)
            # Always, since the supernet's statistics are of mixed features.
            measure_norms(network, self.weight_data, batch_size=measuring_batch(batch_size))
            inherited = evaluate(network, self.dataset.validation, device=self.device)
        measure_after_training(self.supernet, self.weight_data, batch_size)
        return SearchResult(
            Architecture(derived.cell, self.full),
            derived,
            evaluate(self.supernet, self.dataset.validation, device=self.device),
            inherited,
            tuple(self.history),
            self.stopped_early(),
            sum(epoch.seconds for epoch in self.history),
        )

    def _alpha_step(self, train: Batch, validation: Batch, rate: float, name: str) -> AlphaGradient:
        seed = derive_seed(self.seed, "alpha steps", name)
        if self.settings.order == "first":
            found = self.architect.first_order(validation, seed=seed)
        else:
            found = self.architect.second_order(train, validation, self.weight_optimizer, rate, seed=seed)
        for alpha, gradient in zip(self.supernet.alphas.parameters(), found.gradients, strict=True):
            alpha.grad = gradient
        self.alpha_optimizer.step()
        return found

    def _weight_step(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """One step of the weights; returns the loss and the share of right answers."""
        with self.supernet.fixed_alphas(), self.autocast:
            logits = self.supernet(*batch.arguments)
            loss = F.cross_entropy(logits, batch.labels)
        weights = list(self.supernet.weights())
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)  # a sampled pass leaves some ops out
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        if self.settings.gradient_clip:
            nn.utils.clip_grad_norm_(weights, self.settings.gradient_clip)
        self.weight_optimizer.step()
        return loss.detach(), (logits.detach().argmax(1) == batch.labels).float().mean()

    def _alpha_batches(self, index: int) -> Iterator[Batch]:
        """Batches of the alphas' examples without end, in an order of the epoch's own."""
        order = torch.Generator().manual_seed(derive_seed(self.seed, "alpha batches", str(index)))
        while True:
            yield from self.alpha_data.train_batches(self.settings.batch_size, order)

    def _learning_rate(self, epochs_done: float) -> float:
        """Half a cosine from the first to the final rate over the whole search."""
        first, final = self.settings.learning_rate, self.settings.final_learning_rate
        return final + (first - final) * (1 + math.cos(math.pi * epochs_done / self.settings.epochs)) / 2

    def _set_brakes(self, index: int) -> None:
        """The temperature of sampling and the dropout on identity fall in a line over the epochs."""
        share = index / max(1, self.settings.epochs - 1)
        if self.settings.sampling == "gumbel":
            first, final = self.settings.temperature, self.settings.final_temperature
            self.supernet.temperature = first + (final - first) * share
        self.supernet.identity_dropout = self.settings.identity_dropout * (1 - share)

    def _check_finite(self, weight_loss: float, alpha_loss: float | None) -> None:
        for name, loss in (("weights", weight_loss), ("alphas", alpha_loss)):
            if loss is not None and not math.isfinite(loss):
                raise DivergedError(
                    f"the loss of the {name} became {loss} in epoch {len(self.history) + 1} of {self.settings.epochs};"
                    " lower learning_rate or alpha_learning_rate in [Darts]"
                )

    def _summarise(self, of_weights: _Means, of_alphas: _Means, seconds: float) -> Derived:
        alphas, trained_alphas = self.supernet.alphas, of_alphas.examples > 0
        derived = derive_weighted(alphas, identity_cap=self.settings.identity_cap)
        uncapped = derive_weighted(alphas).cell  # a cap must not hide that parameter-free ops take over
        before = self.history[-1].samples if self.history else 0
        summary = EpochSummary(
            epoch=len(self.history) + 1,
            weight_loss=of_weights.loss,
            weight_accuracy=of_weights.accuracy,
            alpha_loss=of_alphas.loss if trained_alphas else None,
            alpha_accuracy=of_alphas.accuracy if trained_alphas else None,
            parameter_free=count_parameter_free(uncapped),
            identities=count_identities(uncapped),
            cell_digest=derived.cell.digest(),
            samples=before + of_weights.examples + of_alphas.examples,
            seconds=seconds,
            probabilities=alphas.candidates.detach().softmax(-1).tolist(),
            edge_weights=_to_list(alphas.edge_weights()),
            aggregation_weights=_to_list(alphas.aggregation_weights()),
        )
        self.history.append(summary)
        limit = self.settings.stop_parameter_free
        if trained_alphas and limit and summary.parameter_free < limit:
            self.kept = derived
        return derived


def _to_list(weights: Tensor | None) -> list[list[float]] | None:
    return None if weights is None else weights.detach().tolist()


def _bilevel_split(train: Split, settings: DartsSettings, seed: int) -> tuple[Split, Split]:
    """The examples that train the weights, and those that train the alphas."""
    if settings.train_subset:
        train = train.subset(stratified_subset(train.labels, settings.train_subset, seed))
    classes = len(train.labels.unique())
    for_alphas = round(len(train) * settings.alpha_share)
    least = max(2, classes)  # or the split would quietly take more for one side than was asked for
    if min(for_alphas, len(train) - for_alphas) < least:
        raise DataError(
            f"[Darts] alpha_share: got {settings.alpha_share:g}, with which {len(train) - for_alphas} examples train "
            f"the weights and {for_alphas} the alphas; allowed: {least} or more each, one of each class"
        )
    weights, alphas = stratified_split(train.labels, settings.alpha_share, seed)
    return train.subset(weights), train.subset(alphas)
