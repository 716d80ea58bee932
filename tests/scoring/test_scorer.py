"""Scoring from Python: one architecture in three lines, metrics, objectives, limits, budgets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from neat_deep.base.errors import ConfigError, SearchError, UnknownNameError
from neat_deep.base.registry import registration_scope, resolve
from neat_deep.scoring.budget import Budget, BudgetSpentError
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.metrics import METRICS, Measured, register_metric
from neat_deep.scoring.objectives import register_objective
from neat_deep.scoring.scorer import MOST_IDLE, Scorer
from neat_deep.scoring.scores import RAISED, REUSED, SCORED, TOO_LARGE, TOO_SLOW, UNSCORED, Score
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from tests.support import toy_data

FAST = {"epochs": 1, "batch_size": 48, "learning_rate": 0.02}
SKELETON = Skeleton(channels=4, cells=1)
OPS = ("sep_conv_1", "sep_conv_3", "sep_conv_5", "max_pool_3")
EXAMPLES = 96


@pytest.fixture(autouse=True)
def scope() -> Iterator[None]:
    with registration_scope():
        yield


def architecture(op: str = "sep_conv_3", skeleton: Skeleton = SKELETON) -> Architecture:
    return Architecture(CellGraph(1, (CellNode((Edge(0, op, "relu"),)),)), skeleton)


def candidates(*ops: str) -> list[Candidate]:
    return [Candidate(number, architecture(op)) for number, op in enumerate(ops)]


def scorer(budget: Budget | None = None, **fitness: Any) -> Scorer:
    return Scorer(toy_data.dataset(), FitnessSettings(**{**FAST, **fitness}), skeleton=SKELETON, budget=budget)


def test_one_architecture_is_scored_in_three_lines() -> None:
    scorer = Scorer(toy_data.dataset(), FitnessSettings(epochs=2))
    score = scorer.score_architecture(architecture(skeleton=Skeleton(channels=4, cells=2)))
    assert set(score.metrics) == {"accuracy", "loss", "parameters", "macs"}
    assert score.objective == score.fitness == score.accuracy
    assert score.status == SCORED


def test_another_skeleton_is_another_network() -> None:
    score = scorer()
    wide = Skeleton(channels=8, cells=1)
    made = [Candidate(0, architecture()), Candidate(1, architecture(skeleton=wide)), Candidate(2, architecture())]
    narrow, other, twin = score.score(made)
    assert narrow.digest == architecture().cell.digest()
    assert other.digest == architecture(skeleton=wide).digest() != narrow.digest
    assert other.parameters > narrow.parameters
    assert [narrow.status, other.status, twin.status] == [SCORED, SCORED, REUSED]


# --- metrics and objectives ------------------------------------------------------------------------------------------


def test_a_metric_and_an_objective_of_ones_own() -> None:
    @register_metric("layers")
    def layers(measured: Measured) -> float:
        assert not measured.network.training
        assert measured.known["parameters"] > 0
        return sum(1 for _ in measured.network.modules())

    @register_objective("few_layers", metrics=("layers",))
    def few_layers(metrics: Any) -> float:
        return -metrics["layers"]

    small, large = scorer(objective="few_layers").score(candidates("max_pool_3", "sep_conv_3"))
    assert small.objective == -small.metrics["layers"] > -large.metrics["layers"]
    assert scorer(metrics=("layers",)).score_architecture(architecture()).metrics["layers"] == large.metrics["layers"]


def test_every_metric_of_the_registry_can_be_measured() -> None:
    metrics = scorer(metrics=tuple(METRICS)).score_architecture(architecture()).metrics
    assert set(metrics) == set(METRICS)
    assert all(isinstance(value, int | float) for value in metrics.values())


def test_what_the_score_has_anyway_takes_no_pass_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("balanced_accuracy", "macro_f1")
    expected = {}

    @register_metric("by_hand")
    def by_hand(measured: Measured) -> float:
        expected.update({name: resolve(METRICS.get(name).code)(measured) for name in names})
        return 0.0

    scored = scorer(metrics=("by_hand", *names)).score_architecture(architecture()).metrics
    assert {name: scored[name] for name in names} == expected
    monkeypatch.setattr("neat_deep.scoring.measurements.evaluate", lambda *_, **__: pytest.fail("scored again"))
    scored = scorer(metrics=names).score_architecture(architecture()).metrics
    assert {name: scored[name] for name in names} == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [(float("nan"), "ValueError: the metric 'odd' is nan, allowed: a finite number"), ("much", "is 'much'")],
)
def test_a_metric_that_is_no_number_costs_its_candidate(value: Any, reason: str) -> None:
    register_metric("odd")(lambda measured: value if measured.known["parameters"] > 100 else 1.0)
    small, large = scorer(metrics=("odd",)).score(candidates("max_pool_3", "sep_conv_5"))
    assert (small.status, large.status) == (SCORED, RAISED)
    assert reason in large.reason


def test_an_objective_that_raises_costs_its_candidate() -> None:
    register_objective("odd")(lambda metrics: 1 / (metrics["parameters"] < 100))
    small, large = scorer(objective="odd").score(candidates("max_pool_3", "sep_conv_5"))
    assert (small.objective, large.objective) == (1.0, None)
    assert (large.status, large.reason) == (RAISED, "objective: ZeroDivisionError: division by zero")
    assert large.fitness is not None and large.fitness < 1.0


def test_an_objective_that_always_raises_ends_the_search() -> None:
    register_objective("broken")(lambda metrics: metrics["no such"])
    with pytest.raises(SearchError, match="every candidate of the generation failed; the first: objective: KeyError"):
        scorer(objective="broken").score(candidates("max_pool_3"))


@pytest.mark.parametrize(
    ("fitness", "message"),
    [
        ({"objective": "acuracy"}, "unknown objective 'acuracy' in objective; did you mean 'accuracy'?"),
        ({"metrics": ("latencies",)}, "unknown metric 'latencies' in metrics; did you mean 'latency'?"),
    ],
)
def test_unknown_names(fitness: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message.replace("?", r"\?")):
        FitnessSettings(**fitness)


@pytest.mark.parametrize("key", ["max_parameters", "max_macs", "max_seconds"])
def test_limits_are_not_negative(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}: got -1"):
        FitnessSettings(**{key: -1})  # type: ignore[arg-type]


# --- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["parameters", "macs"])
def test_a_network_that_is_too_large_is_not_trained(name: str) -> None:
    small, large = scorer().score(candidates("max_pool_3", "sep_conv_5"))
    limit = int(small.metrics[name])
    limited = scorer(**{f"max_{name}": limit})
    kept, refused = limited.score(candidates("max_pool_3", "sep_conv_5"))
    assert (kept.status, refused.status) == (SCORED, TOO_LARGE)
    assert kept.metrics == small.metrics
    assert refused.reason == f"{name}: got {int(large.metrics[name]):,}, allowed: at most {limit:,}"
    assert refused.parameters == large.parameters
    assert refused.fitness is not None and kept.fitness is not None and refused.fitness < kept.fitness
    assert limited.cost.samples == EXAMPLES


def test_an_evaluation_that_is_too_slow_is_ended() -> None:
    (score,) = scorer(max_seconds=1e-9).score(candidates("max_pool_3"))
    assert (score.status, score.objective) == (TOO_SLOW, None)
    assert score.reason == "seconds: more than 1e-09, which is the limit of an evaluation"


# --- budgets ---------------------------------------------------------------------------------------------------------


def test_listeners_hear_of_what_was_tried() -> None:
    heard: list[int] = []

    class Listener:
        def generation_started(self, generation: int, candidates: int) -> None:
            pass

        def training_progressed(self, progress: Any) -> None:
            pass

        def candidate_scored(self, score: Score, is_best: bool) -> None:
            heard.append(score.candidate)

    settings = FitnessSettings(**FAST)  # type: ignore[arg-type]
    score = Scorer(
        toy_data.dataset(), settings, skeleton=SKELETON, budget=Budget(evaluations=2), listeners=[Listener()]
    )
    with pytest.raises(BudgetSpentError):
        score.score(candidates(*OPS))
    assert heard == [0, 1]


def spend(budget: Budget, **fitness: Any) -> tuple[list[Score], str, Scorer]:
    score = scorer(budget, **fitness)
    with pytest.raises(BudgetSpentError) as error:
        score.score(candidates(*OPS))
    return score.generation, str(error.value), score


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (Budget(evaluations=2), "2 evaluations are done"),
        (Budget(samples=EXAMPLES + 1), "97 training samples are seen"),
    ],
)
def test_a_budget_ends_at_an_evaluation(budget: Budget, reason: str) -> None:
    scores, told, score = spend(budget)
    assert [one.status for one in scores] == [SCORED, SCORED, UNSCORED, UNSCORED]
    assert told == reason
    assert score.best is not None and score.best.candidate in (0, 1)
    assert score.cost.samples == 2 * EXAMPLES


def test_with_rungs_what_was_reached_counts() -> None:
    scores, _, score = spend(Budget(evaluations=5), epochs=2, rungs=(1,))
    assert [one.status for one in scores] == [SCORED] * 4
    assert sorted(one.rung for one in scores) == [0, 0, 0, 1]  # four on the first rung, then one more
    assert score.best is not None and score.best.rung == 1


def test_a_deadline_breaks_an_evaluation_off() -> None:
    scores, told, score = spend(Budget(deadline=time.time() + 0.2), epochs=10_000)
    assert {one.status for one in scores} == {UNSCORED}
    assert "time" in told
    assert score.best is None


def test_after_the_soft_deadline_none_starts() -> None:
    score = scorer(Budget(soft_deadline=time.time() - 1))
    with pytest.raises(BudgetSpentError, match="the time for the search is spent"):
        score.score(candidates(*OPS))
    assert score.generation == []


def test_what_is_known_is_scored_without_a_budget() -> None:
    score = scorer(Budget(evaluations=4))
    first = score.score(candidates(*OPS))
    assert [one.status for one in first] == [SCORED] * 4
    with pytest.raises(BudgetSpentError, match="4 evaluations are done"):
        score.score(candidates(*OPS))


def test_a_network_that_is_too_large_uses_up_no_budget() -> None:
    small = scorer().score_architecture(architecture("max_pool_3"))
    most = int(small.metrics["parameters"])
    budget = Budget(evaluations=2, samples=2 * EXAMPLES)
    score = scorer(budget, max_parameters=most)
    first = score.score(candidates("sep_conv_5", "max_pool_3", "sep_conv_3", "max_pool_5"))
    assert [one.status for one in first] == [TOO_LARGE, SCORED, TOO_LARGE, SCORED]
    with pytest.raises(BudgetSpentError, match="2 evaluations are done"):
        score.score(candidates("max_pool_3"))


@pytest.mark.parametrize("ops", [("max_pool_3",), ("max_pool_3", "sep_conv_5")], ids=["known", "known or too large"])
def test_a_budget_that_nothing_uses_up_ends_all_the_same(ops: tuple[str, ...]) -> None:
    small = scorer().score_architecture(architecture("max_pool_3"))
    score = scorer(Budget(evaluations=9), max_parameters=int(small.metrics["parameters"]))
    with pytest.raises(BudgetSpentError, match=f"no new network in {MOST_IDLE} generations"):
        for _ in range(2 + MOST_IDLE):
            score.score(candidates(*ops))
    assert score.best is not None


def test_without_a_budget_generations_may_be_idle() -> None:
    score = scorer()
    for _ in range(2 + MOST_IDLE):
        score.score(candidates("max_pool_3"))
