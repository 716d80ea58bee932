"""What a search proposes: an architecture, and the candidates that it descends from."""

from __future__ import annotations

from dataclasses import dataclass

from neat_deep.space.architecture import Architecture


@dataclass(frozen=True)
class Candidate:
    """An architecture to be scored.

    `number` names the candidate within its search. `parents` are the numbers of candidates of the generation before,
    the better first, whose trained weights it may inherit.
    """

    number: int
    architecture: Architecture
    parents: tuple[int, ...] = ()
