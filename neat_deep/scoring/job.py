"""One training and scoring on the search's budget: what a worker does, in this process or another."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neat_deep.base.errors import DivergedError
from neat_deep.base.randomness import preserved, seed_python, seeded
from neat_deep.data import DataSpec, Split
from neat_deep.networks.cost import count_macs, count_parameters
from neat_deep.networks.latency import measure_latency
from neat_deep.networks.network import build_network
from neat_deep.scoring.inheritance import load, pack, unpack
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph
from neat_deep.training.fit import Progress, TrainingSettings, evaluate, fit

SCORED = "scored"
DIVERGED = "diverged"
RAISED = "raised"


@dataclass(frozen=True)
class Stage:
    """A training of so many epochs, with a learning rate schedule of its own."""

    epochs: int
    seed: int


@dataclass(frozen=True)
class Job:
    """One evaluation: a canonical cell, trained in stages, then scored.

    `start` holds packed weights that take the place of drawn ones where name and shape fit. The trained weights come
    back if they take no more than `keep_bytes`.
    """

    key: str
    rung: int
    cell: CellGraph
    weights_seed: int
    stages: tuple[Stage, ...]
    start: bytes | None = None
    keep_bytes: int = 0


@dataclass(frozen=True)
class JobResult:
    """How an evaluation ended; `samples` are the training examples that it went through, `macs` of one example.

    `latency` is in milliseconds for one example, None where it is not asked for.
    """

    status: str
    accuracy: float | None = None
    samples: int = 0
    parameters: int = 0
    macs: int = 0
    seconds: float = 0.0
    reason: str = ""
    weights: bytes | None = None
    latency: float | None = None


class Evaluator:
    """Does jobs for one data set, skeleton and training; it can be sent to other processes.

    `vectors` are what the embedding of a network for texts starts from. Latency is measured if `with_latency`.

    Whatever a job raises costs that job only. Each job seeds the global generators of Python, NumPy and torch, and
    leaves them as they were, so a result does not depend on which jobs came before or where they ran.
    """

    def __init__(
        self,
        train: Split,
        validation: Split,
        spec: DataSpec,
        skeleton: Skeleton,
        training: TrainingSettings,
        device: torch.device,
        *,
        vectors: Tensor | None = None,
        with_latency: bool = False,
    ) -> None:
        self.spec = spec
        self.skeleton = skeleton
        self.training = training
        self.device = device
        self.vectors = vectors
        self.with_latency = with_latency
        self.train_examples = len(train)
        self._splits = train, validation
        self._on_device: tuple[Split, Split] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_on_device": None}  # the receiver may have another device

    def __call__(self, job: Job, on_step: Callable[[Progress], None] | None = None) -> JobResult:
        """Do a job; nothing but an interrupt is raised."""
        started, counter = time.perf_counter(), _SampleCounter(on_step)
        try:
            with preserved(), seeded(job.weights_seed, self.device):
                seed_python(job.weights_seed)
                result = self._train_and_score(job, counter)
        except DivergedError as error:
            result = JobResult(DIVERGED, reason=str(error))
        except Exception as error:  # noqa: BLE001 - a user's op may raise anything; it costs this job only
            result = JobResult(RAISED, reason=f"{type(error).__name__}: {error}")
        return dataclasses.replace(result, samples=counter.samples, seconds=time.perf_counter() - started)

    def _train_and_score(self, job: Job, counter: _SampleCounter) -> JobResult:
        if self._on_device is None:
            train, validation = self._splits
            self._on_device = train.to(self.device), validation.to(self.device)
        train, validation = self._on_device
        network = build_network(
            Architecture(job.cell, self.skeleton), self.spec, seed=job.weights_seed, vectors=self.vectors
        )
        if job.start is not None:
            load(network, unpack(job.start))
        for stage in job.stages:
            settings = dataclasses.replace(self.training, epochs=stage.epochs)
            counter.begin(stage.epochs * len(train))
            fit(network, train, settings, device=self.device, seed=stage.seed, on_step=counter)
        scored = evaluate(network, validation, device=self.device)
        if not math.isfinite(scored.loss):  # finite weights whose outputs are not
            raise DivergedError(f"the validation loss is {scored.loss}")
        weights = pack(network.state_dict()) if job.keep_bytes else None
        return JobResult(
            SCORED,
            scored.accuracy,
            parameters=count_parameters(network),
            macs=count_macs(network, self.spec),
            weights=weights if weights is not None and len(weights) <= job.keep_bytes else None,
            latency=measure_latency(network, self.spec) if self.with_latency else None,
        )


class _SampleCounter:
    """Counts the training examples of all stages, also of one that breaks off, and hands the progress on."""

    def __init__(self, on_step: Callable[[Progress], None] | None) -> None:
        self.samples = 0
        self._on_step = on_step
        self._before = self._total = 0

    def begin(self, total: int) -> None:
        self._before, self._total = self.samples, total

    def __call__(self, progress: Progress) -> None:
        self.samples = self._before + round(progress.share * self._total)
        if self._on_step is not None:
            self._on_step(progress)
