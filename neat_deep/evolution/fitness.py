"""The callable that `neat.Population.run` takes: a genome's fitness is what its network is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from neat_deep.base.errors import DisconnectedError
from neat_deep.data import Dataset
from neat_deep.evolution.expression import express_architecture
from neat_deep.evolution.genome import CellGenome
from neat_deep.evolution.installed import check_criterion
from neat_deep.scoring.budget import Budget
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.records import EvaluationLog
from neat_deep.scoring.scorer import Scorer
from neat_deep.scoring.scores import DISCONNECTED, RAISED, Score, ScoreListener
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.training.settings import TrainingSettings


class FitnessEvaluator:
    """Scores each genome of a generation: express, score, set fitness. The scoring itself is `scorer`'s.

    A genome that fails (nothing connects input to output, the loss diverges, anything raises) stands just below its
    generation's least fit valid genome, and the search continues.
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
        listeners: Sequence[ScoreListener] = (),
        journal: EvaluationLog | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.scorer = Scorer(
            dataset,
            fitness,
            training,
            skeleton,
            device=device,
            seed=seed,
            listeners=listeners,
            journal=journal,
            budget=budget,
        )
        self.best_genome: CellGenome | None = None  # neat-python's own may be a failed one that ties with it

    @property
    def best(self) -> Score | None:
        """The best score of the run so far."""
        return self.scorer.best

    @property
    def generation(self) -> list[Score]:
        """The scores of the generation that was last scored, in the order of the genomes."""
        return self.scorer.generation

    def __call__(self, genomes: Sequence[tuple[int, CellGenome]], config: Any) -> None:
        """Set the fitness of every genome; raises what `Scorer.score` raises.

        Raises `ConfigError` for a `fitness_criterion` with which neat-python would look for the worst.
        """
        check_criterion(getattr(config, "fitness_criterion", "max"))  # a caller's own may have the genome's part only
        best = self.scorer.best
        try:
            for (_, genome), score in zip(genomes, self.scorer.score(self._express(genomes, config)), strict=True):
                genome.fitness = score.fitness
        finally:  # the best may be known when the budget ends in the middle of a generation
            if self.scorer.best is not best and self.scorer.best is not None:
                self.best_genome = dict(genomes)[self.scorer.best.candidate]

    def network(self, genome: CellGenome, config: Any) -> Architecture | None:
        """The network that a genome expresses; None if it expresses none, for which scoring gives the reason."""
        entry = self._candidate(genome, config.genome_config)
        return entry.architecture if isinstance(entry, Candidate) else None

    def _express(self, genomes: Sequence[tuple[int, CellGenome]], config: Any) -> list[Candidate | Score]:
        return [self._candidate(genome, config.genome_config) for _, genome in genomes]

    def _candidate(self, genome: CellGenome, genome_config: Any) -> Candidate | Score:
        """The genome's architecture, or the score of a genome that expresses none."""
        try:
            architecture = express_architecture(genome, genome_config, self.scorer.skeleton)
        except DisconnectedError as error:
            return Score(candidate=genome.key, status=DISCONNECTED, reason=str(error))
        except Exception as error:  # noqa: BLE001 - a user's genes may raise anything; it costs this genome only
            return Score(candidate=genome.key, status=RAISED, reason=f"{type(error).__name__}: {error}")
        return Candidate(genome.key, architecture, genome.parents)
