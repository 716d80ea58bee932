"""What scoring candidates comes to, and what listens to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from neat_deep.space.architecture import Architecture
from neat_deep.training.fit import Progress

SCORED = "scored"
REUSED = "reused"  # an equal network was scored before
UNSCORED = "unscored"  # the search's budget was spent first
# Ways to fail.
DISCONNECTED = "disconnected"  # nothing connects the genome's input to its output
DIVERGED = "diverged"
RAISED = "raised"
TOO_LARGE = "too large"  # refused before training, by `max_parameters` or `max_macs`
TOO_SLOW = "too slow"  # stopped after `max_seconds`


def all_raised(statuses: Iterable[str]) -> bool:
    """Whether every try raised, as where the memory is full: a run that is resumed then tries all of them again."""
    return all(status == RAISED for status in statuses)


@dataclass(frozen=True, kw_only=True)
class Score:
    """What became of one candidate in one generation.

    `key` names the evaluation that the score comes from, `rung` the highest that its network is known to have reached.
    `objective` is what the network is worth, None for one that failed. `fitness` is that made comparable within the
    generation, once all of it is scored: a candidate that stopped on a low rung is never fitter than one that was
    promoted over it.
    """

    candidate: int
    status: str
    digest: str = ""
    architecture: Architecture | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    key: str = ""
    rung: int = 0
    objective: float | None = None
    fitness: float | None = None
    samples: int = 0  # training examples of the evaluation, 0 for one that was made before
    seconds: float = 0.0
    reason: str = ""

    @property
    def accuracy(self) -> float | None:
        """The validation accuracy (0..1), None for a candidate that failed."""
        return self.metrics.get("accuracy")

    @property
    def parameters(self) -> int:
        """The trainable weights of the network that was scored; 0 where it was never built."""
        return int(self.metrics.get("parameters", 0))

    @property
    def has_failed(self) -> bool:
        """Whether it was tried and has no objective."""
        return self.objective is None and self.status != UNSCORED


@dataclass(frozen=True)
class GenerationCost:
    """Training examples of one generation: seen, and what reuse of scores and early stopping spared.

    What is spared is counted against training every connected candidate from scratch for all epochs.
    """

    samples: int = 0
    saved_by_reuse: int = 0
    saved_by_rungs: int = 0


@dataclass(frozen=True)
class Counts:
    """How many candidates of a run were trained, reused, failed."""

    trained: int = 0
    reused: int = 0
    failed: int = 0

    def add(self, score: Score) -> Counts:
        """With one score more."""
        return Counts(
            self.trained + (score.status == SCORED),
            self.reused + (score.status == REUSED),
            self.failed + score.has_failed,
        )


class ScoreListener(Protocol):
    """What wants to know how the scoring of a generation goes."""

    def generation_started(self, generation: int, candidates: int) -> None:
        """Scoring of `candidates` candidates begins; generations count from 0."""

    def training_progressed(self, progress: Progress) -> None:
        """The candidate in training made a step; not called for trainings in other processes."""

    def candidate_scored(self, score: Score, is_best: bool) -> None:
        """One candidate is done; `is_best` when no network of the run was better before."""
