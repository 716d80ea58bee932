"""What the screen says of the steps: costs before, and what is done and remains while they run."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from neat_deep.base.screen import screen
from neat_deep.cli.published.cost import minutes_on
from neat_deep.cli.published.plan import Step, make_plan
from neat_deep.cli.published.scales import get_scale
from neat_deep.cli.published.watching import StepReporter, cost_table
from tests.support.published_steps import made_result

PLAN = make_plan(get_scale("quick"), seed=1, trainings=1, transfers=1)
HAND = ("digits", "shapes")
SECONDS = {step.name: 60.0 for step in PLAN}


def step(name: str) -> Step:
    return next(step for step in PLAN if step.name == name)


def console(file: io.StringIO, *, terminal: bool) -> Console:
    return screen(file=file, force_terminal=terminal, width=200)


@pytest.mark.parametrize("terminal", [True, False])
def test_each_step_has_its_line_with_what_remains(terminal: bool) -> None:
    file = io.StringIO()
    search, first, second = step("search-digits-neat"), *(step(f"training-{data}-hand-seed-1") for data in HAND)
    with StepReporter(console(file, terminal=terminal), PLAN, PLAN, SECONDS, cores=2) as reporter:
        reporter.began(search)
        reporter.ended(search, made_result(search), 30.0)
        reporter.began(first)
        reporter.began(second)
        reporter.ended(first, made_result(first), 60.0)
        reporter.ended(second, {"failed": "the loss became nan", "seconds": 1.0}, 60.0)
    left = minutes_on(2, PLAN, SECONDS)
    lines = [
        "search by NEAT on digits begins",
        f"[1 of 28] search by NEAT on digits: validation accuracy 90.00%, 30 s; about {left - 0.5:.1f} minutes left",
        f"[2 of 28] training on digits, by hand, seed 1: test accuracy 91.00%, 60 s; about {left - 1:.1f} minutes left",
        "[3 of 28] training on shapes, by hand, seed 1: failed (the loss became nan), 60 s; about "
        f"{left - 1.5:.1f} minutes left",
    ]
    if terminal:  # between the lines the bar moves
        assert all(line in file.getvalue() for line in lines)
    else:
        assert file.getvalue().splitlines() == lines


def test_a_terminal_shows_what_runs() -> None:
    file = io.StringIO()
    with StepReporter(console(file, terminal=True), PLAN, PLAN, SECONDS, cores=2) as reporter:
        for data in HAND:
            reporter.began(step(f"training-{data}-hand-seed-1"))
    assert "minutes left; training on digits, by hand, seed 1; training on shapes, by hand, seed 1" in file.getvalue()
    assert "0/28" in file.getvalue()


@pytest.mark.parametrize(("cores", "minutes"), [(1, 28.0), (2, 14.0), (100, 1.04)])
def test_steps_that_use_all_cores_come_one_after_the_other(cores: int, minutes: float) -> None:
    assert minutes_on(cores, PLAN, SECONDS) == pytest.approx(minutes)


def test_the_costs_are_told_by_data_set() -> None:
    file = io.StringIO()
    screen(file=file, width=100).print(cost_table(PLAN, PLAN[1:], SECONDS))
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in file.getvalue().splitlines() if "│" in line]
    assert lines == [
        ["digits", "2", "2.0", "7", "7.0"],
        ["sentences", "3", "3.0", "7", "7.0"],
        ["shapes", "", "", "4", "4.0"],
        ["reviews", "", "", "4", "4.0"],
    ]
