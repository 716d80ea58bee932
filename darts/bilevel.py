"""The bilevel search: weights on one part of the training examples, alphas on the other, epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from darts.bilevel_split import bilevel_split
from darts.checkpoint import Identity, load_checkpoint, save_checkpoint
from darts.checks import check_search
from darts.derivation import Derived, count_identities, count_parameter_free, derive_weighted
from darts.epoch import EpochMeans, EpochTrainer, StepListener
from darts.history import EpochSummary
from darts.settings import DartsSettings
from darts.supernet import build_supernet, compile_edges
from darts.warm_starts import inherit_network, warm_start
from neat_deep.data import Augmentation, Dataset, digest_examples
from neat_deep.networks.norm_statistics import measure_after_training, measure_norms, measuring_batch
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph
from neat_deep.training.fit import Evaluation, evaluate, prepare


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


class SearchListener(StepListener, Protocol):
    """What wants to know how a search goes on."""

    def resume(self, history: Sequence[EpochSummary]) -> None:
        """A checkpoint was loaded; `history` holds the epochs that led there."""

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
        run.history, run.kept = load_checkpoint(checkpoint, run.identity, run.supernet, run.trainer.optimizers)
        for listener in listeners:
            listener.resume(run.history)
    while not run.ended() and not run.is_late(latest):
        derived = run.epoch()
        if checkpoint is not None:  # first of all: what is reported is then never reported again after a resume
            save_checkpoint(checkpoint, run.identity, run.supernet, run.trainer.optimizers, run.history, run.kept)
        for listener in listeners:
            listener.epoch_done(run.history[-1], derived)
    return run.result()


class _Run:
    """One search in progress: the supernet, what trains it, and the epochs so far."""

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
        search_augmentation = settings.augmentation(augmentation)
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
        weights, alphas = bilevel_split(dataset.train, settings, seed)
        self.weight_data = weights.to(device)
        examples = digest_examples((weights, alphas, dataset.validation), dataset.vectors)
        self.identity = Identity(
            settings,
            self.skeleton,
            dataset.spec,
            seed,
            search_augmentation,
            examples,
            None if start is None else start.digest(),
        )
        self.trainer = EpochTrainer(
            self.supernet,
            settings,
            self.weight_data,
            alphas.to(device),
            device=device,
            seed=seed,
            augmentation=search_augmentation,
            listeners=listeners,
        )
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
        """Train one epoch; returns the cell that the alphas stand for then."""
        started = time.perf_counter()
        index = len(self.history)
        self._set_brakes(index)
        weights, alphas = self.trainer.train(index)
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

    def _set_brakes(self, index: int) -> None:
        """The temperature of sampling and the dropout on identity fall in a line over the epochs."""
        share = index / max(1, self.settings.epochs - 1)
        if self.settings.sampling == "gumbel":
            first, final = self.settings.temperature, self.settings.final_temperature
            self.supernet.temperature = first + (final - first) * share
        self.supernet.identity_dropout = self.settings.identity_dropout * (1 - share)

    def _summarise(self, of_weights: EpochMeans, of_alphas: EpochMeans, seconds: float) -> Derived:
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
