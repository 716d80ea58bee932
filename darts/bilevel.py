"""The bilevel search: weights on one part of the training examples, alphas on the other, epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from darts.alphas import Alphas
from darts.bilevel_split import bilevel_split
from darts.checkpoint import Identity, load_checkpoint, save_checkpoint
from darts.checks import check_search
from darts.curvature import WINDOW, has_grown, largest_eigenvalue
from darts.derivation import Derived, count_identities, count_parameter_free, derive_weighted
from darts.epoch import EpochMeans, EpochTrainer, StepListener
from darts.history import EpochSummary
from darts.perturbation import PerturbationSelection
from darts.settings import BY_PERTURBATION, SIGMOID, DartsSettings
from darts.shrinking import candidates_left, shrink
from darts.supernet import build_supernet, compile_edges
from darts.warm_starts import alphas_of, inherit_network, warm_start
from neat_deep.base.randomness import derive_seed
from neat_deep.data import Augmentation, Dataset, digest_examples
from neat_deep.networks.network import prepare_ngrams
from neat_deep.networks.norm_statistics import measure_after_training, measure_norms, measuring_batch
from neat_deep.reports.pictures.notebook import result_html
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph
from neat_deep.training.class_weights import NO_WEIGHTS, loss_weights
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
    why_stopped: str  # before its last epoch; empty where all were done, or the time was short
    seconds: float  # of all epochs, those before a resume too, and of a selection by perturbation
    samples: int  # that trained weights or alphas, each time counted

    @property
    def stopped_early(self) -> bool:
        """Whether the search ended itself before its last epoch."""
        return bool(self.why_stopped)

    def _repr_html_(self) -> str:
        """What a notebook shows: the figures, and the derived network."""
        inherited = "" if self.inherited is None else f"{100 * self.inherited.accuracy:.2f}%"
        figures = {
            "validation accuracy of the supernet": f"{100 * self.supernet.accuracy:.2f}%",
            "of the derived network, with its weights": inherited,
            "epochs": f"{len(self.history)}{', stopped early' if self.stopped_early else ''}",
            "seconds": f"{self.seconds:.0f}",
        }
        return result_html(figures, self.architecture)


class SearchListener(StepListener, Protocol):
    """What wants to know how a search proceeds."""

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
    class_weights: str = NO_WEIGHTS,
    start: CellGraph | None = None,
    checkpoint: Path | None = None,
    listeners: Sequence[SearchListener] = (),
    latest: float | None = None,
) -> SearchResult:
    """Search a cell by gradient descent (DARTS, arXiv 1806.09055, algorithm 1) and derive it.

    `skeleton` is the final network's; the supernet's width is `settings.channels`. `start` is a cell whose candidates
    the alphas favour at first; `class_weights` is one of `CLASS_WEIGHTS`, for both losses. After each epoch the state
    goes to `checkpoint`, and if that file exists the search resumes from it; on the CPU, with as many threads, it then
    ends as an unbroken one would, bit for bit. Once alphas are trained, no epoch begins that would probably end after
    `latest`, a point of `time.time()`.

    Raises `ConfigError` or `DataError` for settings that do not suit the data, `GraphError` for a `start` that is
    not in the search space, `SearchError` for a checkpoint of another search, `DivergedError` when a loss is not
    finite.
    """
    run = _Run(
        settings, skeleton, dataset, device, seed, augmentation or Augmentation(), class_weights, start, listeners
    )
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
        class_weights: str,
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
        search_augmentation = settings.augmentation(augmentation)
        self.supernet = build_supernet(
            settings.space(),
            self.skeleton,
            dataset.spec,
            seed=seed,
            partial_channels=settings.partial_channels,
            edge_normalisation=settings.edge_normalisation,
            independent=settings.sampling == SIGMOID,
            vectors=dataset.vectors,
        )
        prepare(self.supernet, device)
        if start is not None:
            warm_start(self.supernet.alphas, start)
        weights, alphas = bilevel_split(dataset.train, settings, seed)
        prepare_ngrams(self.supernet.network, self.skeleton, weights)
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
            class_weights,
        )
        for_loss = loss_weights(class_weights, dataset.train.labels)
        self.alpha_data = alphas.to(device)
        self.trainer = EpochTrainer(
            self.supernet,
            settings,
            self.weight_data,
            self.alpha_data,
            device=device,
            seed=seed,
            augmentation=search_augmentation,
            loss_weights=None if for_loss is None else for_loss.to(device),
            listeners=listeners,
        )
        self.history: list[EpochSummary] = []
        self.kept: Derived | None = None  # the last cell of trained alphas that `stop_parameter_free` allows
        if settings.compile:
            compile_edges(self.supernet, settings.batch_size)

    def ended(self) -> bool:
        """Whether all epochs are done, or parameter-free ops have taken over."""
        return len(self.history) >= self.settings.epochs or bool(self.why_stopped())

    def is_late(self, latest: float | None) -> bool:
        """Whether alphas are trained, and one more epoch as long as the last would end after `latest`."""
        if latest is None or len(self.history) <= self.settings.weight_epochs:
            return False
        return time.time() + self.history[-1].seconds > latest

    def why_stopped(self) -> str:
        """Why the search stops early: parameter-free ops took over, or the alphas' curvature grew; empty for neither.

        Ops took over when the last epoch's cell has as many as the limit, and one before had fewer. Cells of random
        alphas often have many; they have not taken over (DARTS+, arXiv 1909.06035, section 3.2).
        """
        limit = self.settings.stop_parameter_free
        if self._is_bent():
            return "the loss bends more and more along the alphas"
        took_over = limit and self.kept is not None and self.history[-1].parameter_free >= limit
        return "parameter-free ops" if took_over else ""

    def _is_bent(self) -> bool:
        ratio = self.settings.stop_eigenvalue_ratio
        eigenvalues = [epoch.eigenvalue for epoch in self.history if epoch.eigenvalue is not None]
        return bool(ratio) and has_grown(eigenvalues, ratio)

    def epoch(self) -> Derived:
        """Train one epoch; returns the cell that the alphas stand for then."""
        started = time.perf_counter()
        index = len(self.history)
        self._set_brakes(index)
        count = candidates_left(self.settings, index)
        if count is not None and count != candidates_left(self.settings, index - 1):
            shrink(self.supernet.alphas, count)
        weights, alphas = self.trainer.train(index)
        eigenvalue = self._eigenvalue(index) if self.settings.stop_eigenvalue_ratio and alphas.examples else None
        return self._summarise(weights, alphas, time.perf_counter() - started, eigenvalue)

    def _eigenvalue(self, index: int) -> float:
        order = torch.Generator().manual_seed(derive_seed(self.seed, "curvature examples"))  # the same in each epoch
        batch = next(self.alpha_data.train_batches(self.settings.batch_size, order))
        seed = derive_seed(self.seed, "curvature", str(index))
        return largest_eigenvalue(self.supernet.alphas, self.trainer.architect, batch, seed=seed)

    def result(self) -> SearchResult:
        """Derive, and score supernet and derived network on the validation examples."""
        self._set_brakes(max(0, len(self.history) - 1))  # no epoch has, if the search was resumed at its end
        inherited, batch_size = None, self.settings.batch_size
        seconds, samples = (sum(epoch.seconds for epoch in self.history), self._samples())
        supernet: Evaluation | None = None
        if self.settings.selection == BY_PERTURBATION:  # it leaves one candidate on each edge: no supernet any more
            supernet = self._score_supernet()
            started = time.perf_counter()
            selection = PerturbationSelection(self.supernet, self.trainer, self.alpha_data, self.settings, self.seed)
            derived = selection.run()
            seconds, samples = seconds + time.perf_counter() - started, samples + selection.samples
        else:
            derived = self._derive()
        if self.settings.partial_channels == 1:
            network = inherit_network(self.supernet, derived.cell, self.skeleton, self.dataset.spec)
            prepare(network, self.device)
            # Always, since the supernet's statistics are of mixed features.
            measure_norms(network, self.weight_data, batch_size=measuring_batch(batch_size))
            inherited = evaluate(network, self.dataset.validation, device=self.device)
        return SearchResult(
            Architecture(derived.cell, self.full),
            derived,
            supernet or self._score_supernet(),
            inherited,
            tuple(self.history),
            self.why_stopped(),
            seconds,
            samples,
        )

    def _derive(self) -> Derived:
        """The cell of the alphas, or of those before the search went wrong."""
        cap = self.settings.identity_cap
        if self._is_bent():
            return derive_weighted(self._alphas_before(), identity_cap=cap)
        if self.why_stopped() and self.kept is not None:
            return self.kept
        return derive_weighted(self.supernet.alphas, identity_cap=cap)

    def _alphas_before(self) -> Alphas:
        """Those of the epoch from which the curvature has grown."""
        independent = self.settings.sampling == SIGMOID
        return alphas_of(self.settings.space(), self.history[-1 - WINDOW], independent=independent)

    def _score_supernet(self) -> Evaluation:
        measure_after_training(self.supernet, self.weight_data, self.settings.batch_size)
        return evaluate(self.supernet, self.dataset.validation, device=self.device)

    def _samples(self) -> int:
        return self.history[-1].samples if self.history else 0

    def _set_brakes(self, index: int) -> None:
        """The temperature of sampling and the dropout on identity fall in a line over the epochs."""
        share = index / max(1, self.settings.epochs - 1)
        if self.settings.sampling == "gumbel":
            first, final = self.settings.temperature, self.settings.final_temperature
            self.supernet.temperature = first + (final - first) * share
        self.supernet.identity_dropout = self.settings.identity_dropout * (1 - share)

    def _summarise(
        self, of_weights: EpochMeans, of_alphas: EpochMeans, seconds: float, eigenvalue: float | None
    ) -> Derived:
        alphas, trained_alphas = self.supernet.alphas, of_alphas.examples > 0
        derived = derive_weighted(alphas, identity_cap=self.settings.identity_cap)
        uncapped = derive_weighted(alphas).cell  # a cap must not hide that parameter-free ops take over
        summary = EpochSummary(
            epoch=len(self.history) + 1,
            weight_loss=of_weights.loss,
            weight_accuracy=of_weights.accuracy,
            alpha_loss=of_alphas.loss if trained_alphas else None,
            alpha_accuracy=of_alphas.accuracy if trained_alphas else None,
            parameter_free=count_parameter_free(uncapped),
            identities=count_identities(uncapped),
            cell_digest=derived.cell.digest(),
            samples=self._samples() + of_weights.examples + of_alphas.examples,
            seconds=seconds,
            probabilities=alphas.candidate_weights().detach().tolist(),
            edge_weights=_to_list(alphas.edge_weights()),
            aggregation_weights=_to_list(alphas.aggregation_weights()),
            eigenvalue=eigenvalue,
        )
        self.history.append(summary)
        limit = self.settings.stop_parameter_free
        if trained_alphas and limit and summary.parameter_free < limit:
            self.kept = derived
        return derived


def _to_list(weights: Tensor | None) -> list[list[float]] | None:
    return None if weights is None else weights.detach().tolist()
