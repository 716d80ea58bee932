"""Schedules: as published, and no step without a learning rate."""

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


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("steps", [1, 7, 100])
def test_every_step_moves_the_weights(name: str, warmup: float, steps: int) -> None:
    """Neither the first step nor the last is taken at learning rate 0."""
    rates = [SCHEDULES[name](step / steps, (step + 1) / steps, warmup) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)


def test_cosine_rises_and_falls_by_the_middle_of_each_step() -> None:
    rates = [SCHEDULES["cosine"](step / 10, (step + 1) / 10, 0.4) for step in range(10)]
    assert rates[:4] == pytest.approx([0.125, 0.375, 0.625, 0.875])  # a warm-up of four steps
    assert rates[4:] == pytest.approx([1 - rate for rate in reversed(rates[4:])])


def test_one_cycle_goes_by_the_start_of_each_step() -> None:
    rates = [SCHEDULES["one_cycle"](step / 10, (step + 1) / 10, 0.3) for step in range(10)]
    assert rates == [at("one_cycle", step / 10, 0.3) for step in range(10)]
