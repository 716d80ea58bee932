"""A clock that moves when a test says so."""

from __future__ import annotations


class Clock:
    """Stands in for the module `time` in one of ours: all its clocks show `now`, in seconds."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    perf_counter = monotonic = time

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
