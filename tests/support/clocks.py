"""A clock that moves when a test says so, and a machine that is too busy for tests by the real one."""

from __future__ import annotations

import os

import pytest

from neat_deep.base.devices import cores

OWN_PROCESSES = 1.5  # beside one a core: what a search itself adds to the load


def skip_if_busy() -> None:
    """Skip the rest of a test by the clock where other programs take the cores: the clock says nothing then."""
    load = os.getloadavg()[0]
    if load > cores() + OWN_PROCESSES:
        pytest.skip(f"a load of {load:.1f} on {cores()} cores: other programs take the time that this test measures")


class Clock:
    """Stands in for the module `time` in one of ours: all its clocks show `now`, in seconds."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    perf_counter = monotonic = time

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
