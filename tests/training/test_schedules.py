"""Schedules: as published."""

from __future__ import annotations

import pytest

from neat_deep.training.schedules import SCHEDULES


def at(name: str, share: float, warmup: float) -> float:
    """The schedule's curve at one place: what a step that takes no time gets."""
    return SCHEDULES[name](share, share, warmup)


def test_schedules_follow_the_published_curves() -> None:
    assert [at("cosine", p, 0.2) for p in (0.0, 0.1, 0.2, 0.6, 1.0)] == pytest.approx([0, 0.5, 1, 0.5, 0])
    assert [at("one_cycle", p, 0.3) for p in (0.0, 0.3, 0.65, 1.0)] == pytest.approx([0.04, 1, 0.5, 0])
    assert at("cosine", 0.0, 0.0) == 1.0
    assert at("constant", 0.9, 0.3) == 1.0
