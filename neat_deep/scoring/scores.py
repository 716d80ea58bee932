"""What scoring a generation comes to, and what listens to it or keeps it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from neat_deep.space.architecture import Architecture
from neat_deep.store.tables import EvaluationRow
from neat_deep.training.fit import Progress

REUSED = "reused"  # an equal network was scored before
DISCONNECTED = "disconnected"


@dataclass(frozen=True)
class Score:
    """What became of one genome in one generation; `accuracy` (0..1) is None for a genome that failed.

    `key` names the evaluation that the score comes from, `rung` the highest that it reached in this generation;
    `objective` is the accuracy less the prices of the network's size and latency (milliseconds, None where it was not
    measured).
    """

    genome_key: int
    status: str
    digest: str = ""
    architecture: Architecture | None = None
    accuracy: float | None = None
    parameters: int = 0
    seconds: float = 0.0
    reason: str = ""
    key: str = ""
    rung: int = 0
    macs: int = 0
    objective: float | None = None
    latency: float | None = None


@dataclass(frozen=True)
class GenerationCost:
    """Training examples of one generation: seen, and what reuse of scores and early stopping spared.

    What is spared is counted against training every connected genome from scratch for all epochs.
    """

    samples: int = 0
    saved_by_reuse: int = 0
    saved_by_rungs: int = 0


class SearchListener(Protocol):
    """What wants to know how a generation's scoring goes on."""

    def generation_started(self, genomes: int) -> None:
        """Scoring of `genomes` genomes begins."""

    def training_went_on(self, progress: Progress) -> None:
        """The genome in training made a step."""

    def genome_scored(self, score: Score, is_best: bool) -> None:
        """One genome is done; `is_best` when no network of the run was better before."""


class EvaluationLog(Protocol):
    """What keeps evaluations as they end, and trained weights as long as they are needed; a `RunStore` does."""

    def record(self, evaluation: EvaluationRow, weights: bytes | None = None) -> None:
        """Keep an evaluation and its packed weights."""

    def weights(self, key: str, rung: int) -> bytes | None:
        """Kept weights."""

    def kept_weights(self) -> set[tuple[str, int]]:
        """Key and rung of all kept weights."""

    def keep_weights(self, wanted: Collection[tuple[str, int]]) -> None:
        """Drop the weights of all others."""


class MemoryLog:
    """Keeps weights in memory and no evaluations: for a search that nobody will resume."""

    def __init__(self) -> None:
        self._weights: dict[tuple[str, int], bytes] = {}

    def record(self, evaluation: EvaluationRow, weights: bytes | None = None) -> None:
        """Keep the weights."""
        if weights is not None:
            self._weights[evaluation.key, evaluation.rung] = weights

    def weights(self, key: str, rung: int) -> bytes | None:
        """Kept weights."""
        return self._weights.get((key, rung))

    def kept_weights(self) -> set[tuple[str, int]]:
        """Key and rung of all kept weights."""
        return set(self._weights)

    def keep_weights(self, wanted: Collection[tuple[str, int]]) -> None:
        """Drop the others."""
        self._weights = {place: data for place, data in self._weights.items() if place in wanted}
