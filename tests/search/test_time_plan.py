"""The promise of minutes: shared out between the search and the final training, or refused with what would do."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from neat_deep.base.errors import ConfigError, SearchError
from neat_deep.data import DataSpec
from neat_deep.ops import register_op
from neat_deep.scoring.budget import Budget
from neat_deep.scoring.scores import SCORED, Score
from neat_deep.search import time_plan
from neat_deep.search.evolve import evolve
from neat_deep.search.time_plan import FINISH_SECONDS, LEAST_SECONDS, Pace, TimePlan, measure_pace, plan_time
from neat_deep.store.run_store import RunStore
from neat_deep.training.timing import PASS_SHARE, ExampleSeconds
from tests.support import worker_tasks
from tests.support.clocks import Clock
from tests.support.toy_search import DATA, PLAIN, SPACE, experiment, search_by_strategy, strategy_experiment

CPU = torch.device("cpu")
PACE = Pace(evaluation_example=0.01, evaluation=2.0, epoch=3.0, test=1.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the plan and the budget read the time from."""
    made = Clock()
    monkeypatch.setattr("neat_deep.search.time_plan.time", made)
    monkeypatch.setattr("neat_deep.scoring.budget.time", made)
    return made


def opened(clock: Clock, minutes: float = 2.0, epochs: int = 10, repeats: int = 1, **options: float) -> TimePlan:
    plan = TimePlan(minutes, started=clock.now, **options)
    plan.open(Budget(), PACE, epochs=epochs, repeats=repeats)
    return plan


def budget_of(clock: Clock, minutes: float = 2.0, epochs: int = 10, repeats: int = 1, spent: float = 0.0) -> Budget:
    budget = Budget()
    plan = TimePlan(minutes, started=clock.now, spent=spent)
    plan.open(budget, PACE, epochs=epochs, repeats=repeats)
    return budget


def test_the_search_ends_when_the_final_training_just_fits(clock: Clock) -> None:
    budget = budget_of(clock)
    assert budget.soft_deadline == clock.now + 120 - FINISH_SECONDS - (10 * 3 + 1)
    assert budget.deadline == clock.now + 120 - FINISH_SECONDS - (3 + 1)
    assert not budget.refusal()
    assert budget.left() == f"{(120 - FINISH_SECONDS - 31) / 60:.1f} minutes of search left"
    clock.pass_by(120 - FINISH_SECONDS - 31)
    assert budget.refusal() == "the time for the search is spent"
    assert budget.left() == "0.0 minutes of search left"


def test_finalists_have_their_share_before_the_final_training(clock: Clock) -> None:
    budget, plan = Budget(), TimePlan(2.0, started=clock.now)
    plan.open(budget, PACE, epochs=5, repeats=1, finalist_epochs=4)
    assert budget.finalist_deadline == clock.now + 120 - FINISH_SECONDS - (5 * 3 + 1)
    assert budget.soft_deadline == budget.finalist_deadline - 4 * 3
    plan.open(budget, PACE, epochs=5, repeats=1, finalist_epochs=400)
    assert budget.soft_deadline == budget.finalist_deadline - 30  # a quarter of the time at most


def test_several_trainings_share_the_time(clock: Clock) -> None:
    budget = budget_of(clock, epochs=5, repeats=3)
    assert budget.soft_deadline == clock.now + 120 - FINISH_SECONDS - 3 * (5 * 3 + 1)
    plan = opened(clock, epochs=5, repeats=3)
    clock.pass_by(60)
    assert plan.left_for_training(3) == pytest.approx((60 - FINISH_SECONDS / 2) / 3)
    assert plan.left_for_training(1) == pytest.approx(60 - FINISH_SECONDS / 2)
    clock.pass_by(100)
    assert plan.left_for_training(1) == 1.0  # late: as short as can be


def test_a_long_final_training_claims_half_of_the_time(clock: Clock) -> None:
    assert budget_of(clock, epochs=1000).soft_deadline == clock.now + 120 - FINISH_SECONDS - 60


def test_what_was_spent_before_a_resume_counts(clock: Clock) -> None:
    fresh, resumed = budget_of(clock), budget_of(clock, spent=50)
    for name in ("soft_deadline", "deadline"):
        assert getattr(resumed, name) == getattr(fresh, name) - 50


@pytest.mark.parametrize(("seconds", "ratio"), [(3.0, 3.0), (1.0, 1.0), (0.5, 0.5)])
def test_a_new_best_network_moves_the_end_of_the_search(clock: Clock, seconds: float, ratio: float) -> None:
    budget = Budget()
    plan = TimePlan(10, started=clock.now)
    plan.open(budget, PACE, epochs=10, repeats=1)
    before = budget.soft_deadline
    score = Score(candidate=0, status=SCORED, objective=0.5, samples=100, seconds=seconds)
    plan.candidate_scored(score, False)
    assert budget.soft_deadline == before
    plan.candidate_scored(score, True)
    assert budget.soft_deadline == pytest.approx(clock.now + 600 - FINISH_SECONDS - max(ratio * 31, LEAST_SECONDS))


def test_a_typical_network_that_is_validated_on_many_examples_changes_nothing(clock: Clock) -> None:
    budget, plan = Budget(), TimePlan(10, started=clock.now)
    plan.open(budget, replace(PACE, validated=1000), epochs=40, repeats=1)
    before = budget.soft_deadline
    seconds = PACE.evaluation_example * (100 + PASS_SHARE * 1000)
    plan.candidate_scored(Score(candidate=0, status=SCORED, objective=0.5, samples=100, seconds=seconds), True)
    assert budget.soft_deadline == pytest.approx(before)


@pytest.mark.parametrize("strategy", ["random", "neat"])
def test_a_resumed_run_knows_how_long_its_best_network_takes(strategy: str, tmp_path: Path) -> None:
    """As the search that was stopped did, through what its store kept."""
    quiet, left = Console(file=io.StringIO()), []
    for resume in (False, True):
        budget, plan = Budget(), TimePlan(1000, started=time.time())
        plan.open(budget, replace(PACE, evaluation_example=1e-5), epochs=40, repeats=1)
        untold = budget.soft_deadline
        if strategy == "neat":
            evolve(
                experiment(PLAIN, generations=2), DATA, tmp_path, quiet, resume=resume, budget=budget, listeners=[plan]
            )
        else:
            asked = strategy_experiment(PLAIN, generations=2)
            search_by_strategy(tmp_path, asked, resume, budget=budget, listeners=[plan])
        assert budget.soft_deadline is not None and untold is not None
        assert budget.soft_deadline != untold
        left.append(plan.end - budget.soft_deadline)
    assert left[0] == pytest.approx(left[1])


@pytest.mark.parametrize(("minutes", "least"), [(10, LEAST_SECONDS), (1, 6)])
def test_a_final_training_that_seems_to_take_no_time_has_some(clock: Clock, minutes: float, least: float) -> None:
    budget, plan = Budget(), TimePlan(minutes, started=clock.now)
    plan.open(budget, Pace(0.0001, 0.01, 0.001, 0.001), epochs=10, repeats=1)
    assert budget.soft_deadline == clock.now + 60 * minutes - FINISH_SECONDS - least


@pytest.mark.parametrize("repeats", [1, 3])
def test_too_few_minutes_are_refused_with_what_would_do(clock: Clock, repeats: int) -> None:
    plan = TimePlan(0.1, started=clock.now, spent=20)
    clock.pass_by(4)
    with pytest.raises(ConfigError) as caught:
        plan.open(Budget(), PACE, epochs=10, repeats=repeats)
    message = str(caught.value)
    assert message.startswith("minutes: got 0.1, allowed: ")
    assert "(the run has taken 20 s before, start-up took 4 s, one evaluation takes about 2 s, one epoch of" in message
    least = float(message.split("allowed: ")[1].split(" ")[0])
    needed = 20 + 4 + 2 + repeats * 4 + FINISH_SECONDS
    assert needed / 60 <= least < needed / 60 + 0.11
    enough = TimePlan(least, started=clock.now - 4, spent=20)
    enough.open(Budget(), PACE, epochs=10, repeats=repeats)


# --- of an experiment ------------------------------------------------------------------------------------------------


def test_without_minutes_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_plan, "measure_pace", lambda *_, **__: pytest.fail("measured"))
    plan = plan_time(strategy_experiment(PLAIN, samples=70, evaluations=8), DATA, device=CPU, started=0.0)
    assert (plan.budget.evaluations, plan.budget.samples) == (8, 70)
    assert (plan.budget.soft_deadline, plan.listeners, plan.left_for_training(1)) == (None, (), None)


@pytest.mark.parametrize("asked", [experiment(PLAIN, minutes=3.0), strategy_experiment(PLAIN, minutes=3.0)])
def test_the_pace_is_measured(asked: object, clock: Clock) -> None:
    plan = plan_time(asked, DATA, device=CPU, started=clock.now, spent=10)  # type: ignore[arg-type]
    assert plan.budget.deadline is not None
    assert plan.budget.soft_deadline is not None
    assert plan.budget.soft_deadline <= plan.budget.deadline < clock.now + 170
    assert plan.listeners == (plan.time,)


@pytest.mark.usefixtures("registrations")
def test_an_op_that_raises_is_named() -> None:
    register_op("raises", parametric=False)(worker_tasks.raises)
    asked = strategy_experiment(PLAIN, space=replace(SPACE, op_options=("raises",)), minutes=3.0)
    with pytest.raises(ConfigError, match="minutes: what a network takes .* ops raises and raises raised KeyError: "):
        plan_time(asked, DATA, device=CPU, started=time.time())


def test_the_pace_is_of_the_parts_of_a_run() -> None:
    asked = strategy_experiment(PLAIN)
    threads = torch.get_num_threads()
    pace = measure_pace(["identity", "sep_conv_3"], DATA, asked.network, asked.training, asked.fitness, device=CPU)
    assert 0 < pace.evaluation_example < pace.evaluation < 5
    assert 0 < pace.test < pace.epoch < 5
    assert torch.get_num_threads() == threads


def test_a_search_breaks_off_what_runs_at_its_deadline(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps of a second each: the second evaluation runs into the end, and nothing of it is kept."""
    monkeypatch.setattr("neat_deep.scoring.job.time", clock)
    asked = strategy_experiment(PLAIN, generations=0, minutes=60.0)

    class Ticking:
        def training_progressed(self, progress: object) -> None:
            clock.pass_by(1.0)

        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *_, **__: None

    budget = Budget(deadline=clock.now + 2.5)
    budget.took = lambda seconds: None  # type: ignore[method-assign]  # or the second one would not begin
    result = search_by_strategy(tmp_path, asked, budget=budget, listeners=[Ticking()])
    assert result.ended == "the time left is too short for one more evaluation"
    with RunStore.read(tmp_path) as store:
        assert len(store.evaluations()) == 1
        assert [record.status for record in store.candidates()] == ["scored", *5 * ["unscored"]]
    again = search_by_strategy(tmp_path, asked, resume=True, budget=Budget(evaluations=8))
    assert again.ended == "8 evaluations are done"


def test_a_search_whose_time_was_over_before_it_began_says_so(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="the time for the search is spent"):
        search_by_strategy(tmp_path, strategy_experiment(PLAIN, minutes=1.0), budget=Budget(soft_deadline=0.0))


def test_the_pace_of_a_search_is_that_of_its_small_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the final training's that of the whole ones."""
    sides: list[int] = []

    def note(architecture: object, data: DataSpec, *rest: object) -> ExampleSeconds:
        sides.append(data.shape[1])
        return ExampleSeconds(0.1, 0.04)

    monkeypatch.setattr(time_plan, "seconds_per_example", note)
    asked = experiment(PLAIN)
    whole, fitness = DATA.spec.shape[1], replace(PLAIN, image_size=3)
    measure_pace(["identity", "sep_conv_3"], DATA, asked.network, asked.training, fitness, device=CPU)
    assert sides == [3, whole]
