"""What one generation came to, in figures; what listens to a search as generations end."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from neat_deep.scoring.scores import REUSED, SCORED, Score, ScoreListener


@dataclass(frozen=True)
class GenerationSummary:
    """What one generation, numbered from 1, came to.

    `best` and `median` are validation accuracies of its candidates; `scored` were trained, `reused` had their score
    already, `failed` gave none; `screened_out` were proposed and not tried. `species` is 0 for strategies without
    species. `seconds` is the wall-clock time.
    """

    generation: int
    best: float
    median: float
    best_parameters: int
    median_parameters: float
    species: int
    scored: int
    reused: int
    failed: int
    seconds: float
    screened_out: int = 0


class SearchListener(ScoreListener, Protocol):
    """What wants to know how a search goes."""

    def generation_ended(self, summary: GenerationSummary, best: Score | None) -> None:
        """A generation is scored; `best` is the best score of the run so far."""

    def resumed(self, history: Sequence[GenerationSummary], best: Score | None) -> None:
        """A run is resumed of which these generations are finished."""


def summarise(
    scores: Sequence[Score], generation: int, species: int, seconds: float, screened_out: int = 0
) -> GenerationSummary:
    """The figures of one generation; a generation without a valid candidate scores 0."""
    valid = [s for s in scores if s.objective is not None]
    accuracies = [s.accuracy or 0.0 for s in valid] or [0.0]
    best = max(valid, key=lambda s: (s.rung, s.accuracy or 0.0), default=None)
    return GenerationSummary(
        generation=generation,
        best=(best.accuracy or 0.0) if best is not None else 0.0,
        median=statistics.median(accuracies),
        best_parameters=best.parameters if best is not None else 0,
        median_parameters=statistics.median(s.parameters for s in valid) if valid else 0.0,
        species=species,
        scored=sum(s.status == SCORED for s in scores),
        reused=sum(s.status == REUSED for s in scores),
        failed=sum(s.has_failed for s in scores),
        seconds=seconds,
        screened_out=screened_out,
    )
