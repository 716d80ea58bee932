"""Who goes on to the next rung, in which bracket, and what fitness those get that stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neat_deep.base.errors import ConfigError
from neat_deep.evolution.fitness import REUSED, SCORED, FitnessEvaluator
from neat_deep.scoring.job import Job, JobResult
from neat_deep.scoring.rungs import Ladder, comparable_fitness
from neat_deep.scoring.scores import MemoryLog
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.store.tables import EvaluationRow
from tests.evolution.test_fitness import genomes
from tests.support import toy_data
from tests.support.random_cells import genome_config

LADDER = Ladder((1, 3, 9), share=1 / 3)
OPS = ("sep_conv_1", "sep_conv_3", "sep_conv_5", "dil_conv_3", "dil_conv_5", "max_pool_3")
SETTINGS = FitnessSettings(epochs=4, batch_size=48, learning_rate=0.02, rungs=(1, 2), rung_share=0.5)


class Config:
    genome_config = genome_config(op_options=" ".join([*OPS, "identity", "dil_conv_1", "avg_pool_3", "avg_pool_5"]))


def test_stages_add_up() -> None:
    assert [LADDER.stage(rung) for rung in range(3)] == [1, 2, 6]
    assert Ladder((5,)).top == 0


@pytest.mark.parametrize(
    ("accuracies", "goes_on"),
    [
        ([0.1, 0.9, 0.5], [1]),
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5], [0, 1]),  # ties go to the earlier
        ([None, None, 0.2], [2]),
        ([None, None], []),
        ([0.3], [0]),  # at least one
        ([0.1, None, 0.9, None, None, 0.8], [2, 5]),
    ],
)
def test_the_best_share_goes_on(accuracies: list[float | None], goes_on: list[int]) -> None:
    assert LADDER.promoted(accuracies) == goes_on


def test_hyperband_fills_its_brackets_in_turn() -> None:
    starts = Ladder((1, 3, 9), share=1 / 3, hyperband=True).starts(22)
    # Li et al., eta = 3: brackets of 9, 3 * 3/2 and 3 networks for every 9, of those that start on rung 0, 1 and 2
    assert Counter(starts) == {0: 12, 1: 6, 2: 4}
    assert set(starts[:4]) == {0, 1, 2}
    assert Ladder((1, 3, 9)).starts(3) == [0, 0, 0]


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=12),
)
def test_who_went_on_is_never_less_fit_than_who_stopped(entries: list[tuple[float, int, int]]) -> None:
    accuracies = {str(i): accuracy for i, (accuracy, _, _) in enumerate(entries)}
    starts = {str(i): start for i, (_, _, start) in enumerate(entries)}
    rungs = {str(i): max(rung, start) for i, (_, rung, start) in enumerate(entries)}
    fitness = comparable_fitness(accuracies, rungs, starts)
    assert fitness.keys() == accuracies.keys()
    for one in accuracies:
        assert fitness[one] <= accuracies[one]
        for other in accuracies:
            if starts[one] == starts[other] and rungs[one] > rungs[other]:
                assert fitness[one] >= fitness[other]
    highest = max(rungs.values())
    assert all(fitness[key] == accuracies[key] for key in rungs if rungs[key] == highest and len(set(starts)) == 1)


def test_ladders_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ConfigError, match="rungs: got 3 3, allowed: rising"):
        Ladder((3, 3, 5))


# --- in a search -----------------------------------------------------------------------------------------------------


def evaluator(settings: FitnessSettings) -> FitnessEvaluator:
    return toy_data.evaluator(settings)


def made(count: int = len(OPS)) -> list[tuple[int, Any]]:
    return genomes(Config(), *OPS[:count])  # type: ignore[arg-type]


def test_the_weak_stop_and_the_saving_is_told() -> None:
    score, population = evaluator(SETTINGS), made()
    score(population, Config())
    assert Counter(s.rung for s in score.generation) == {0: 3, 1: 2, 2: 1}
    assert score.best is not None and score.best.rung == 2
    assert score.best.accuracy == max(genome.fitness for _, genome in population)
    examples = 96
    assert score.cost.samples == examples * (6 * 1 + 3 * 1 + 1 * 2)
    assert score.cost.saved_by_rungs == examples * (3 * 3 + 2 * 2)
    assert score.cost.saved_by_reuse == 0
    score(population, Config())
    assert {s.status for s in score.generation} == {REUSED}
    assert score.cost.samples == 0
    assert score.cost.saved_by_reuse + score.cost.saved_by_rungs == examples * 6 * 4


def test_a_network_that_stopped_may_go_on_in_weaker_company() -> None:
    score, population = evaluator(SETTINGS), made()
    score(population, Config())
    stopped = [i for i, s in enumerate(score.generation) if s.rung == 0]
    score([population[i] for i in stopped], Config())
    assert max(s.rung for s in score.generation) == 2
    assert score.cost.samples == 96 * (1 + 2)  # one of three goes on, from the weights that it had


class Table:
    """An executor that knows each op's accuracy, however long it was trained."""

    def __init__(self, accuracies: dict[str, float]) -> None:
        self.accuracies = accuracies

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, JobResult]]:
        for job in jobs:
            yield job, JobResult(SCORED, self.accuracies[job.cell.nodes[0].edges[0].op])

    def close(self) -> None:
        pass


def test_one_that_was_trained_further_before_does_not_pull_its_bracket_down() -> None:
    """A weak network of a high bracket, met again in the lowest, stops there like the others, and is no measure."""
    others = [*OPS[:5], "dil_conv_1", "avg_pool_3", "avg_pool_5"]
    starts = Ladder((1, 2, 4), hyperband=True).starts(1 + len(others))
    assert starts.count(0) > 2  # or none of them would stop beside the weak one
    accuracies = {"max_pool_3": 0.3} | {op: 0.9 - place / 100 for place, op in enumerate(others)}
    score = evaluator(replace(SETTINGS, hyperband=True))
    score.use(Table(accuracies))
    for place in (starts.index(2), starts.index(0)):
        population = genomes(Config(), *others[:place], "max_pool_3", *others[place:])  # type: ignore[arg-type]
        score(population, Config())
    ops = [s.architecture.cell.nodes[0].edges[0].op for s in score.generation if s.architecture is not None]
    fitness = {op: genome.fitness for op, (_, genome) in zip(ops, population, strict=True)}
    assert fitness == pytest.approx(accuracies)


def test_hyperband_needs_rungs_to_skip() -> None:
    with pytest.raises(ConfigError, match="hyperband: got True without rungs"):
        FitnessSettings(hyperband=True)


class Forgetful(MemoryLog):
    """Keeps no weights, as if every network were too large for its share."""

    def record(self, evaluation: EvaluationRow, weights: bytes | None = None) -> None:
        super().record(evaluation, None)


def test_weights_that_are_not_kept_are_trained_again() -> None:
    """Training starts anew then, and comes to the same score."""
    full, small = evaluator(SETTINGS), toy_data.evaluator(SETTINGS, journal=Forgetful())
    one, other = made(), made()
    full(one, Config())
    small(other, Config())
    assert [g.fitness for _, g in one] == [g.fitness for _, g in other]
    assert small.cost.samples > full.cost.samples


def test_without_rungs_every_network_is_trained_in_full() -> None:
    score, population = evaluator(replace(SETTINGS, rungs=())), made(2)
    score(population, Config())
    assert [s.status for s in score.generation] == [SCORED, SCORED]
    assert score.cost.samples == 2 * 4 * 96
    assert (score.cost.saved_by_rungs, score.cost.saved_by_reuse) == (0, 0)


def test_the_order_of_the_genomes_changes_no_accuracy() -> None:
    one, other = evaluator(SETTINGS), evaluator(SETTINGS)
    forward, backward = made(), made()[::-1]
    one(forward, Config())
    other(backward, Config())
    found = {(s.key, s.rung): s.accuracy for s in one.generation}
    for score in other.generation:
        assert found.get((score.key, score.rung), score.accuracy) == score.accuracy  # ties may go on in another order
