"""One training and scoring on the search's budget: what a worker does, in this process or another."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neat_deep.base.devices import computing_with
from neat_deep.base.errors import DivergedError
from neat_deep.base.memory import lacked_memory
from neat_deep.base.randomness import preserved, seed_python, seeded
from neat_deep.data import Batch, DataSpec, Split, part_of
from neat_deep.data.texts.text_split import PADDING
from neat_deep.networks.cost import count_macs, count_parameters
from neat_deep.networks.morphing import start_from_parent
from neat_deep.networks.network import build_network
from neat_deep.scoring.inheritance import load, pack, unpack
from neat_deep.scoring.metrics import ALWAYS, METRICS, SIZES, Measured, measure, measure_untrained
from neat_deep.scoring.scores import DIVERGED, RAISED, SCORED, TOO_LARGE, TOO_SLOW
from neat_deep.space.architecture import Architecture
from neat_deep.space.morphism import Morphism
from neat_deep.training.fit import Progress, evaluate, fit
from neat_deep.training.settings import TrainingSettings

THREADS = 1  # of every evaluation, wherever it runs: a score does not depend on the number of workers
OF_CLASSES = ("balanced_accuracy", "macro_f1")  # metrics that every score of the validation examples has anyway
UNTRAINED_EXAMPLES = 64  # as in the papers, where there are not more classes
LESS_MEMORY = "less is needed with a lower batch_size, fewer channels or cells, or with fewer workers"
BROKEN_OFF = "broken off"  # at the deadline of the whole search: nothing is known of the network


@dataclass(frozen=True)
class Stage:
    """A training of so many epochs, with a learning rate schedule of its own."""

    epochs: int
    seed: int


@dataclass(frozen=True)
class Limits:
    """What ends an evaluation before its time; 0 and None: no limit.

    A network with more parameters or multiply-accumulates is not trained at all. `deadline` is a point of
    `time.time()`; it and `seconds` are looked at after each batch.
    """

    parameters: int = 0
    macs: int = 0
    seconds: float = 0.0
    deadline: float | None = None

    @property
    def limit_size(self) -> bool:
        """Whether a network may be too large."""
        return bool(self.parameters or self.macs)


@dataclass(frozen=True)
class Job:
    """One evaluation: an architecture, trained in stages, then scored.

    `start` holds packed weights that take the place of drawn ones where name and shape fit; with a `morphism` they are
    those of its parent, and the network is its child. They have `learned` for so many epochs, which frozen word vectors
    need no more; infinite where they are another network's. The trained weights come back if they take no more than
    `keep_bytes`. With `signals` nothing is trained or scored: these metrics of the network with its drawn weights are
    all that is measured. `training` stands in the place of the evaluator's settings where this job has its own.
    """

    key: str
    rung: int
    architecture: Architecture
    weights_seed: int
    stages: tuple[Stage, ...]
    start: bytes | None = None
    morphism: Morphism | None = None
    learned: float = 0
    keep_bytes: int = 0
    limits: Limits = field(default_factory=Limits)
    signals: tuple[str, ...] = ()
    training: TrainingSettings | None = None


@dataclass(frozen=True)
class JobResult:
    """How an evaluation ended; `samples` are the training examples that it went through."""

    status: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    samples: int = 0
    seconds: float = 0.0
    reason: str = ""
    weights: bytes | None = None


class Evaluator:
    """Does jobs for one data set and training; it can be sent to other processes.

    `vectors` are what the embedding of a network for texts starts from, `metrics` the names of those that are measured
    beside the usual ones.

    Whatever a job raises costs that job only. Each job seeds the global generators of Python, NumPy and torch, and
    leaves them as they were, so a result does not depend on which jobs came before or where they ran.
    """

    def __init__(
        self,
        train: Split,
        validation: Split,
        spec: DataSpec,
        training: TrainingSettings,
        device: torch.device,
        *,
        vectors: Tensor | None = None,
        metrics: Sequence[str] = (),
    ) -> None:
        self.spec = spec
        self.training = training
        self.device = device
        self.vectors = vectors
        self.metrics = tuple(dict.fromkeys((*ALWAYS, *metrics)))
        self.train_examples = len(train)
        self._splits = train, validation
        self._on_device: tuple[Split, Split] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_on_device": None}  # the receiver may have another device

    def __call__(self, job: Job, on_step: Callable[[Progress], None] | None = None) -> JobResult:
        """Do a job; nothing but an interrupt is raised."""
        started, steps = time.perf_counter(), _Steps(job.limits, on_step)
        try:
            with preserved(), computing_with(THREADS), seeded(job.weights_seed, self.device):
                seed_python(job.weights_seed)
                result = self._train_and_score(job, steps)
        except _EndedError as end:
            result = JobResult(end.status, end.metrics, reason=end.reason)
        except DivergedError as error:
            result = JobResult(DIVERGED, reason=str(error))
        except Exception as error:  # noqa: BLE001 - a user's op may raise anything; it costs this job only
            lack = lacked_memory(error)
            reason = f"{lack}; {LESS_MEMORY}" if lack is not None else f"{type(error).__name__}: {error}"
            # no file holds all that a message may
            result = JobResult(RAISED, reason=reason.encode(errors="backslashreplace").decode())
        return dataclasses.replace(result, samples=steps.samples, seconds=time.perf_counter() - started)

    def is_too_large(self, job: Job) -> bool:
        """Whether a job's network is larger than its limits allow, so that doing the job would train nothing."""
        if not job.limits.limit_size:
            return False
        try:
            _check_size(self._sizes(build_network(job.architecture, self.spec, seed=job.weights_seed)), job.limits)
        except _EndedError:
            return True
        except Exception:  # noqa: BLE001 - a network that cannot be built has no size; doing the job says why
            return False
        return False

    def _train_and_score(self, job: Job, steps: _Steps) -> JobResult:
        if self._on_device is None:
            train, validation = self._splits
            self._on_device = train.to(self.device), validation.to(self.device)
        train, validation = self._on_device
        network = build_network(job.architecture, self.spec, seed=job.weights_seed, vectors=self.vectors, train=train)
        known: dict[str, float] = {}
        if job.limits.limit_size:
            known = self._sizes(network)
            _check_size(known, job.limits)
        if job.signals:
            return JobResult(SCORED, self._measure_signals(job.signals, network, train, known))
        known |= self._measure_untrained(self.metrics, network, train)
        if job.start is not None and job.morphism is not None:
            start_from_parent(network, job.morphism, unpack(job.start), seed=job.weights_seed)
        elif job.start is not None:
            load(network, unpack(job.start))
        training = job.training or self.training
        frozen = int(max(0, training.frozen_vectors - job.learned))
        for stage in job.stages:
            settings = dataclasses.replace(training, epochs=stage.epochs, frozen_vectors=frozen)
            frozen = max(0, frozen - stage.epochs)
            steps.begin(stage.epochs * len(train))
            fit(network, train, settings, device=self.device, seed=stage.seed, on_step=steps)
        scored = evaluate(network, validation, device=self.device)
        if not math.isfinite(scored.loss):  # finite weights whose outputs are not
            raise DivergedError(f"the validation loss is {scored.loss}")
        weights = pack(network.state_dict()) if job.keep_bytes else None
        of_score = {name: getattr(scored, name) for name in ("accuracy", "loss", *OF_CLASSES)}
        values = {name: value for name, value in of_score.items() if name in ALWAYS or name in self.metrics}
        return JobResult(
            SCORED,
            self._measure(network, validation, {**values, **known}, steps),
            weights=weights if weights is not None and len(weights) <= job.keep_bytes else None,
        )

    def _sizes(self, network: nn.Module) -> dict[str, float]:
        return {"parameters": count_parameters(network), "macs": count_macs(network, self.spec)}

    def _measure_signals(
        self, names: Sequence[str], network: nn.Module, train: Split, sizes: Mapping[str, float]
    ) -> dict[str, float]:
        if not sizes and set(names) & set(SIZES):
            sizes = self._sizes(network)
        return {name: sizes[name] for name in names if name in SIZES} | self._measure_untrained(names, network, train)

    def _measure_untrained(self, names: Sequence[str], network: nn.Module, train: Split) -> dict[str, float]:
        if not any(METRICS.get(name).untrained for name in names):
            return {}
        return measure_untrained(names, network.to(self.device), self.spec, untrained_batch(train, self.spec))

    def _measure(
        self, network: nn.Module, validation: Split, known: Mapping[str, float], steps: _Steps
    ) -> dict[str, float]:
        network.eval()
        return measure(
            self.metrics, known, lambda values: Measured(network, self.spec, validation, values, tuple(steps.losses))
        )


def untrained_batch(train: Split, spec: DataSpec) -> Batch:
    """What the metrics of untrained networks see: the same for all networks, each class at its share."""
    examples = part_of(train, min(len(train), max(UNTRAINED_EXAMPLES, spec.num_classes)), 0)
    batches = list(examples.eval_batches(len(examples)))
    inputs = [batch.inputs for batch in batches]
    masks = [batch.mask for batch in batches if batch.mask is not None]
    if masks:  # long texts come in batches of fewer, each as long as its longest
        inputs, masks = _as_long(inputs, PADDING), _as_long(masks, False)
    labels = torch.cat([batch.labels for batch in batches])
    return Batch(torch.cat(inputs), labels, torch.cat(masks) if masks else None)


def _as_long(tensors: Sequence[Tensor], value: float) -> list[Tensor]:
    """Tensors (B, L), each filled up on the right with `value`."""
    longest = max(tensor.shape[1] for tensor in tensors)
    return [F.pad(tensor, (0, longest - tensor.shape[1]), value=value) for tensor in tensors]


class _EndedError(Exception):
    """An evaluation that a limit ended."""

    def __init__(self, status: str, reason: str, metrics: Mapping[str, float] | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.metrics = status, reason, metrics or {}


def _check_size(sizes: Mapping[str, float], limits: Limits) -> None:
    for name, most in (("parameters", limits.parameters), ("macs", limits.macs)):
        if most and sizes[name] > most:
            raise _EndedError(TOO_LARGE, f"{name}: got {sizes[name]:,}, allowed: at most {most:,}", sizes)


class _Steps:
    """Counts the training examples of all stages, also of one that breaks off, watches the time, tells the progress."""

    def __init__(self, limits: Limits, on_step: Callable[[Progress], None] | None) -> None:
        self.samples = 0
        self.losses: list[float] = []  # the mean training loss of each epoch of the stage, of the last one so far
        self._limits = limits
        self._on_step = on_step
        self._started = time.perf_counter()
        self._before = self._total = 0
        self._epoch = 0  # the epoch that is being counted
        self._loss, self._examples = 0.0, 0

    def begin(self, total: int) -> None:
        """A stage of `total` examples begins."""
        self._before, self._total = self.samples, total
        self.losses = []  # of the last stage alone, which all networks on a rung have, wherever they began
        self._epoch = 0

    def __call__(self, progress: Progress) -> None:
        samples = self._before + round(progress.share * self._total)
        self._count_loss(progress, samples - self.samples)
        self.samples = samples
        limits = self._limits
        if limits.deadline is not None and time.time() >= limits.deadline:
            raise _EndedError(BROKEN_OFF, "the search's time was spent")
        if limits.seconds and time.perf_counter() - self._started >= limits.seconds:
            raise _EndedError(TOO_SLOW, f"seconds: more than {limits.seconds:g}, which is the limit of an evaluation")
        if self._on_step is not None:
            self._on_step(progress)

    def _count_loss(self, progress: Progress, examples: int) -> None:
        if self._epoch != progress.epoch:
            self._epoch = progress.epoch
            self._loss, self._examples = 0.0, 0
            self.losses.append(0.0)
        self._loss += progress.loss * examples
        self._examples += examples
        self.losses[-1] = self._loss / max(self._examples, 1)
