"""What a search may spend: evaluations, training samples, and time."""

from __future__ import annotations

import time
from dataclasses import dataclass

from neat_deep.base.errors import NeatDeepError


class BudgetSpentError(NeatDeepError):
    """A search's budget ended; what was scored before stands."""


@dataclass
class Budget:
    """Decides whether one more evaluation may start; None means without limit.

    `soft_deadline` and `deadline` are points of `time.time()`: after the first no evaluation starts, and at the second
    one that runs is broken off. An evaluation that would probably not end by the deadline does not start either.
    Evaluations and samples are counted when they are asked for, so a search in several processes ends at the same one.
    A network that is too large to be trained is no evaluation. Finalists are none either.
    """

    evaluations: int | None = None
    samples: int | None = None
    soft_deadline: float | None = None
    deadline: float | None = None
    asked_evaluations: int = 0
    asked_samples: int = 0
    longest_seconds: float = 0.0
    finalist_deadline: float | None = None  # when the best networks must have been trained again

    def refusal(self) -> str:
        """Why no further evaluation may start; empty if one may."""
        if self.evaluations is not None and self.asked_evaluations >= self.evaluations:
            return f"{self.evaluations:,} evaluations are done"
        if self.samples is not None and self.asked_samples >= self.samples:
            return f"{self.samples:,} training samples are seen"
        now = time.time()
        if self.soft_deadline is not None and now >= self.soft_deadline:
            return "the time for the search is spent"
        if self.deadline is not None and self.asked_evaluations and now + self.longest_seconds / 2 >= self.deadline:
            return "the time left is too short for one more evaluation"
        return ""

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return any(limit is not None for limit in (self.evaluations, self.samples, self.soft_deadline, self.deadline))

    def left(self) -> str:
        """What is left, for a person to read; empty without a limit."""
        parts = []
        if self.soft_deadline is not None:
            parts.append(f"{max(0.0, self.soft_deadline - time.time()) / 60:.1f} minutes of search")
        if self.evaluations is not None:
            parts.append(f"{max(0, self.evaluations - self.asked_evaluations):,} evaluations")
        if self.samples is not None:
            parts.append(f"{max(0, self.samples - self.asked_samples):,} training samples")
        return f"{', '.join(parts)} left" if parts else ""

    def ask(self, samples: int) -> None:
        """Count an evaluation that starts now, or that a resumed run had made."""
        self.asked_evaluations += 1
        self.asked_samples += samples

    def took(self, seconds: float) -> None:
        """Note how long an evaluation took."""
        self.longest_seconds = max(self.longest_seconds, seconds)
