"""What a search proposes: an architecture, and the candidates that it descends from."""

from __future__ import annotations

from dataclasses import dataclass

from neat_deep.space.architecture import Architecture
from neat_deep.space.morphism import Morphism


@dataclass(frozen=True)
class Candidate:
    """An architecture to be scored.

    `number` names the candidate within its search. `parents` are the numbers of candidates before it, the
    better first, whose trained weights it may inherit: of the generation before, or of those that the search lets live.

    With a `morphism` the candidate is that morphism's child, and starts from all weights of its one parent; it is
    trained further even if it is the same network.
    """

    number: int
    architecture: Architecture
    parents: tuple[int, ...] = ()
    morphism: Morphism | None = None
