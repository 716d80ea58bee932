"""The callable that `neat.Population.run` takes: a genome's fitness is its network's validation accuracy."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from neat_deep.architecture import Architecture, Skeleton
from neat_deep.cell_graph import CellGraph
from neat_deep.config import FitnessSettings
from neat_deep.data import Dataset, stratified_subset
from neat_deep.errors import DisconnectedError, DivergedError, SearchError
from neat_deep.expression import express
from neat_deep.genome import CellGenome
from neat_deep.network import build_network, count_parameters
from neat_deep.randomness import derive_seed
from neat_deep.training import Progress, TrainingSettings, evaluate, fit

log = logging.getLogger(__name__)

SCORED = "scored"  # trained and scored in this generation
REUSED = "reused"  # an equal network was scored before
DISCONNECTED = "disconnected"
DIVERGED = "diverged"
RAISED = "raised"


@dataclass(frozen=True)
class Score:
    """What became of one genome in one generation; `accuracy` (0..1) is None for a genome that failed."""

    genome_key: int
    status: str
    digest: str = ""
    architecture: Architecture | None = None
    accuracy: float | None = None
    parameters: int = 0
    seconds: float = 0.0
    reason: str = ""


class SearchListener(Protocol):
    """What wants to know how a generation's scoring goes on."""

    def generation_started(self, genomes: int) -> None:
        """Scoring of `genomes` genomes begins."""

    def training_went_on(self, progress: Progress) -> None:
        """The genome in training made a step."""

    def genome_scored(self, score: Score, is_best: bool) -> None:
        """One genome is done; `is_best` when no network of the run was better before."""


class FitnessEvaluator:
    """Scores each genome of a generation: express, look up, build, train on a budget, score on validation.

    A network whose digest was scored before in this run is not trained again. A genome that fails (nothing
    connects input to output, the loss diverges, anything raises) gets the lowest accuracy of its generation's
    valid genomes, and the search goes on. Each training's seed derives from `seed` and the digest, so a score
    depends neither on the order of the genomes nor on the generation.
    """

    def __init__(
        self,
        dataset: Dataset,
        skeleton: Skeleton,
        training: TrainingSettings,
        fitness: FitnessSettings,
        *,
        device: torch.device,
        seed: int,
        listeners: Sequence[SearchListener] = (),
    ) -> None:
        self.spec = dataset.spec
        self.skeleton = dataclasses.replace(skeleton, rank=dataset.spec.rank)
        self.training = fitness.training(training)
        self._search_skeleton = fitness.skeleton(self.skeleton)
        self._vectors = dataset.vectors
        self._device = device
        self._seed = seed
        self._listeners = tuple(listeners)
        self._train = _subset(dataset.train, fitness.train_subset, seed).to(device)
        self._validation = _subset(dataset.validation, fitness.validation_subset, seed).to(device)
        self._known: dict[str, Score] = {}
        self.best: Score | None = None
        self.best_genome: CellGenome | None = None  # neat-python's own may be a failed one that ties with it
        self.generation: list[Score] = []  # the scores of the generation that was last scored
        self.trained = 0
        self.reused = 0
        self.failed = 0

    def __call__(self, genomes: Sequence[tuple[int, CellGenome]], config: Any) -> None:
        """Set the fitness of every genome; raises `SearchError` when none of them could be trained."""
        for listener in self._listeners:
            listener.generation_started(len(genomes))
        self.generation = []
        for _, genome in genomes:
            score = self._score(genome, config.genome_config)
            self.generation.append(score)
            self._count(score)
            is_best = score.accuracy is not None and self._is_best(score.accuracy)
            if is_best:
                self.best, self.best_genome = score, genome
            for listener in self._listeners:
                listener.genome_scored(score, is_best)
        lowest = self._lowest_valid()
        for (_, genome), score in zip(genomes, self.generation, strict=True):
            genome.fitness = lowest if score.accuracy is None else score.accuracy

    def _is_best(self, accuracy: float) -> bool:
        return self.best is None or self.best.accuracy is None or accuracy > self.best.accuracy

    def _count(self, score: Score) -> None:
        self.trained += score.status == SCORED
        self.reused += score.status == REUSED
        self.failed += score.accuracy is None

    def _lowest_valid(self) -> float:
        valid = [score.accuracy for score in self.generation if score.accuracy is not None]
        if valid:
            return min(valid)
        raised = [score for score in self.generation if score.status == RAISED]
        if len(raised) == len(self.generation):
            raise SearchError(f"every genome of the generation failed; the first: {raised[0].reason}")
        return 0.0  # all disconnected or diverged: mutation may mend that

    def _score(self, genome: CellGenome, genome_config: Any) -> Score:
        started = time.perf_counter()
        digest = ""
        try:
            graph = express(genome, genome_config)
            digest = graph.digest()
            if digest in self._known:
                known = self._known[digest]
                status = known.status if known.accuracy is None else REUSED
                return dataclasses.replace(known, genome_key=genome.key, status=status, seconds=0.0)
            score = self._train_and_score(genome.key, graph, digest)
            self._known[digest] = score
            return dataclasses.replace(score, seconds=time.perf_counter() - started)
        except DisconnectedError as error:
            status, reason = DISCONNECTED, str(error)
        except DivergedError as error:
            status, reason = DIVERGED, str(error)
        except Exception as error:  # noqa: BLE001 - a user's op may raise anything; it costs this genome only
            status, reason = RAISED, f"{type(error).__name__}: {error}"
        level = logging.INFO if status == DISCONNECTED else logging.WARNING  # an everyday end of a mutation
        log.log(level, "genome %s %s: %s", genome.key, status, reason)
        score = Score(genome.key, status, digest, reason=reason, seconds=time.perf_counter() - started)
        if status == DIVERGED:  # it would diverge again; what raised may have lacked memory for a moment
            self._known[digest] = score
        return score

    def _train_and_score(self, key: int, graph: CellGraph, digest: str) -> Score:
        cell = graph.canonical()
        network = build_network(
            Architecture(cell, self._search_skeleton),
            self.spec,
            seed=derive_seed(self._seed, digest, "weights"),
            vectors=self._vectors,
        )
        fit(
            network,
            self._train,
            self.training,
            device=self._device,
            seed=derive_seed(self._seed, digest, "training"),
            on_step=self._went_on,
        )
        result = evaluate(network, self._validation, device=self._device)
        if not math.isfinite(result.loss):  # finite weights whose outputs are not
            raise DivergedError(f"the validation loss is {result.loss}")
        full = Architecture(cell, self.skeleton)
        return Score(key, SCORED, digest, full, result.accuracy, count_parameters(network))

    def _went_on(self, progress: Progress) -> None:
        for listener in self._listeners:
            listener.training_went_on(progress)


def _subset(split: Any, count: int, seed: int) -> Any:
    return split.subset(stratified_subset(split.labels, count, seed)) if count else split
