"""What is kept of an evaluation, and what keeps it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from neat_deep.scoring.scores import SCORED, TOO_LARGE
from neat_deep.space.architecture import Architecture


@dataclass(frozen=True, kw_only=True)
class EvaluationRecord:
    """One training and scoring that ended, well or not.

    `key` names what was trained (the digest, and what it inherited), `rung` how far, `candidate` the first candidate
    that asked for it, `samples` the training examples that it cost. `metrics` were measured on the search's validation
    examples; a failed evaluation has those that were known by then.
    """

    generation: int
    key: str
    rung: int
    candidate: int
    digest: str
    status: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    samples: int = 0
    seconds: float = 0.0
    reason: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether it gave no score."""
        return self.status != SCORED

    @property
    def is_counted(self) -> bool:
        """Whether a search's budget counts it: a network that is too large is refused before it trains."""
        return self.status != TOO_LARGE


class EvaluationLog(Protocol):
    """What keeps evaluations as they end, and trained weights as long as they are needed; a `RunStore` does."""

    def record(self, evaluation: EvaluationRecord, architecture: Architecture, weights: bytes | None = None) -> None:
        """Keep an evaluation, the architecture that it is of, and its packed weights."""

    def weights(self, key: str, rung: int) -> bytes | None:
        """The kept weights of an evaluation, None where they are not kept."""

    def kept_weights(self) -> set[tuple[str, int]]:
        """Key and rung of all kept weights."""

    def keep_weights(self, needed: Collection[tuple[str, int]]) -> None:
        """Drop all kept weights but those of `needed`, given by key and rung."""


class MemoryLog:
    """Keeps weights in memory and no evaluations: for a search that nobody will resume."""

    def __init__(self) -> None:
        self._weights: dict[tuple[str, int], bytes] = {}

    def record(self, evaluation: EvaluationRecord, architecture: Architecture, weights: bytes | None = None) -> None:  # noqa: ARG002
        """Keep the weights."""
        if weights is not None:
            self._weights[evaluation.key, evaluation.rung] = weights

    def weights(self, key: str, rung: int) -> bytes | None:
        """The kept weights of an evaluation, None where they are not kept."""
        return self._weights.get((key, rung))

    def kept_weights(self) -> set[tuple[str, int]]:
        """Key and rung of all kept weights."""
        return set(self._weights)

    def keep_weights(self, needed: Collection[tuple[str, int]]) -> None:
        """Drop all kept weights but those of `needed`, given by key and rung."""
        self._weights = {place: data for place, data in self._weights.items() if place in needed}
