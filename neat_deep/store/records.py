"""What a run's store holds of generations and candidates, as plain records; docs/run_store.md explains the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class CandidateRecord:
    """One candidate of one generation, as it was scored there.

    `species` is the one that it competed in, None for strategies without species. `rung` is the highest that its
    network was known to have reached. `objective` is None for a candidate that failed or was not scored, `fitness` None
    where the generation was not scored to its end.
    """

    generation: int
    candidate: int
    position: int
    species: int | None
    key: str
    digest: str
    status: str
    rung: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    objective: float | None = None
    fitness: float | None = None
    parents: tuple[int, ...] = ()
    seconds: float = 0.0
    reason: str = ""

    @property
    def accuracy(self) -> float | None:
        """The validation accuracy (0..1), None for a candidate that has none."""
        return self.metrics.get("accuracy")

    @property
    def parameters(self) -> int:
        """The trainable weights of the network in the search."""
        return int(self.metrics.get("parameters", 0))


@dataclass(frozen=True, kw_only=True)
class SpeciesRecord:
    """One species of one generation as it was scored; `history` is its fitness in the generations before."""

    generation: int
    species: int
    created: int
    last_improved: int
    representative: int
    members: tuple[int, ...]
    history: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class GenerationRecord:
    """What a generation cost, in training examples and seconds, and what reuse and early stopping saved.

    One that is not `finished` ended with the search's budget; a resumed run scores it to its end.
    """

    generation: int
    finished: bool
    samples: int
    saved_by_reuse: int
    saved_by_rungs: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class BestRecord:
    """A candidate better than all before it; `genes` is its genome's JSON where it has one."""

    generation: int
    candidate: int
    key: str
    digest: str
    genes: str = ""
