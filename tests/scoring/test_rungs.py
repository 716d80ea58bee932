"""Who goes on to the next rung, in which bracket, and what fitness those get that stop."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neat_deep.base.errors import ConfigError
from neat_deep.evolution.fitness import FitnessEvaluator
from neat_deep.scoring.job import Job, JobResult
from neat_deep.scoring.records import EvaluationRecord, MemoryLog
from neat_deep.scoring.rungs import Ladder, Standing, comparable_fitness
from neat_deep.scoring.scores import REUSED, SCORED
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Architecture
from tests.support import toy_data
from tests.support.random_cells import genome_config
from tests.support.toy_genomes import genomes

LADDER = Ladder((1, 3, 9), share=1 / 3)
OPS = ("sep_conv_1", "sep_conv_3", "sep_conv_5", "dil_conv_3", "dil_conv_5", "max_pool_3")
SETTINGS = FitnessSettings(epochs=4, batch_size=48, learning_rate=0.02, rungs=(1, 2))


class Config:
    genome_config = genome_config(op_options=" ".join([*OPS, "identity", "max_pool_5", "avg_pool_3", "avg_pool_5"]))


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


standings = st.builds(
    Standing,
    objective=st.floats(0, 1),
    bracket=st.integers(0, 2),
    rung=st.integers(0, 2),
    earned=st.booleans(),
).map(lambda one: replace(one, rung=max(one.rung, one.bracket or 0)))
settled = st.builds(Standing, objective=st.floats(0, 1), bracket=st.none(), rung=st.just(2), earned=st.just(False))


@given(st.lists(st.one_of(standings, settled), min_size=1, max_size=12))
def test_fitness_keeps_the_order_that_was_earned(entries: list[Standing]) -> None:
    made = {str(number): one for number, one in enumerate(entries)}
    fitness = comparable_fitness(made, top=2)
    assert fitness.keys() == made.keys()
    best = max((one.objective for one in entries if one.rung == 2), default=None)
    for name, one in made.items():
        limits = [fitness[n] for n, o in made.items() if o.bracket == one.bracket and o.earned and o.rung > one.rung]
        if one.rung < 2 and best is not None:
            assert fitness[name] < best
            limits.append(math.nextafter(best, -math.inf))
        # Nothing else takes anything away.
        assert fitness[name] == min([one.objective, *limits])


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        # stopped at 0.9, though one with 0.8 at the end was promoted over it
        ([Standing(0.9, 0, 0, True), Standing(0.8, 0, 2, True)], [math.nextafter(0.8, 0), 0.8]),
        ([Standing(0.5, 0, 0, True), Standing(0.8, 0, 2, True)], [0.5, 0.8]),
        # a weak network that was known already takes nothing from those that stop
        ([Standing(0.9, 0, 0, True), Standing(0.3, 0, 1, False)], [0.9, 0.3]),
        # the best known is above all that stopped, in whatever bracket
        ([Standing(0.97, 1, 1, True), Standing(0.95, None, 2, False)], [math.nextafter(0.95, 0), 0.95]),
        ([Standing(0.97, 1, 1, True), Standing(0.9, 0, 0, True)], [0.97, 0.9]),
        ([Standing(0.5, 0, 0, True), Standing(0.7, 0, 1, True), Standing(0.4, 0, 2, True)], [0.4, 0.4, 0.4]),
    ],
)
def test_fitness_by_example(entries: list[Standing], expected: list[float]) -> None:
    fitness = comparable_fitness({str(number): one for number, one in enumerate(entries)}, top=2)
    assert [fitness[str(number)] for number in range(len(entries))] == pytest.approx(expected, abs=1e-12)


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
    assert score.scorer.cost.samples == examples * (6 * 1 + 3 * 1 + 1 * 2)
    assert score.scorer.cost.saved_by_rungs == examples * (3 * 3 + 2 * 2)
    assert score.scorer.cost.saved_by_reuse == 0


def test_what_is_known_costs_nothing_and_takes_nobodys_place() -> None:
    """Met again, the best is not trained, and one more of each rung is trained further in its place."""
    score, population = evaluator(SETTINGS), made()
    score(population, Config())
    first, best = score.generation, score.best
    assert best is not None
    score(population, Config())
    again = score.generation
    assert Counter(s.rung for s in again) == {0: 2, 1: 2, 2: 2}
    assert score.scorer.cost.samples == 96 * (1 + 2)  # one of the three that stopped on rung 0, one of two on rung 1
    assert again[best.candidate].status == REUSED
    assert population[best.candidate][1].fitness == best.accuracy
    assert all(later.rung >= earlier.rung for earlier, later in zip(first, again, strict=True))


def test_a_network_that_stopped_may_go_on_in_weaker_company() -> None:
    score, population = evaluator(SETTINGS), made()
    score(population, Config())
    stopped = [i for i, s in enumerate(score.generation) if s.rung == 0]
    score([population[i] for i in stopped], Config())
    assert max(s.rung for s in score.generation) == 2
    assert score.scorer.cost.samples == 96 * (1 + 2)  # one of three goes on, from the weights that it had


class Table:
    """An executor that knows each op's accuracy, however long it was trained."""

    def __init__(self, accuracies: dict[str, float]) -> None:
        self.accuracies = accuracies

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, JobResult]]:
        for job in jobs:
            accuracy = self.accuracies[job.architecture.cell.nodes[0].edges[0].op]
            yield job, JobResult(SCORED, {"accuracy": accuracy, "parameters": 1, "macs": 1})

    def close(self) -> None:
        pass


def test_one_that_was_trained_further_before_does_not_pull_its_bracket_down() -> None:
    """A weak network of a high bracket, met again in the lowest, stops there like the others, and is no measure."""
    others = [*OPS[:5], "max_pool_5", "avg_pool_3", "avg_pool_5"]
    starts = Ladder((1, 2, 4), hyperband=True).starts(1 + len(others))
    assert starts.count(0) > 2  # or none of them would stop beside the weak one
    accuracies = {"max_pool_3": 0.3} | {op: 0.9 - place / 100 for place, op in enumerate(others)}
    score = evaluator(replace(SETTINGS, hyperband=True))
    score.scorer.use(Table(accuracies))
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

    def record(self, evaluation: EvaluationRecord, architecture: Architecture, weights: bytes | None = None) -> None:
        super().record(evaluation, architecture)


def test_weights_that_are_not_kept_are_trained_again() -> None:
    """Training starts anew then, and comes to the same score."""
    full, small = evaluator(SETTINGS), toy_data.evaluator(SETTINGS, journal=Forgetful())
    one, other = made(), made()
    full(one, Config())
    small(other, Config())
    assert [g.fitness for _, g in one] == [g.fitness for _, g in other]
    assert small.scorer.cost.samples > full.scorer.cost.samples


def test_without_rungs_every_network_is_trained_in_full() -> None:
    score, population = evaluator(replace(SETTINGS, rungs=())), made(2)
    score(population, Config())
    assert [s.status for s in score.generation] == [SCORED, SCORED]
    assert score.scorer.cost.samples == 2 * 4 * 96
    assert (score.scorer.cost.saved_by_rungs, score.scorer.cost.saved_by_reuse) == (0, 0)


class Remembering(MemoryLog):
    """Keeps what each evaluation measured."""

    def __init__(self) -> None:
        super().__init__()
        self.measured: dict[tuple[str, int], dict[str, float]] = {}

    def record(self, evaluation: EvaluationRecord, architecture: Architecture, weights: bytes | None = None) -> None:
        super().record(evaluation, architecture, weights)
        self.measured[evaluation.key, evaluation.rung] = dict(evaluation.metrics)


def test_the_order_of_the_genomes_changes_no_score() -> None:
    """The loss tells one training from another where two accuracies are equal by chance."""
    one, other = Remembering(), Remembering()
    toy_data.evaluator(SETTINGS, journal=one)(made(), Config())
    toy_data.evaluator(SETTINGS, journal=other)(made()[::-1], Config())
    assert Counter(rung for _, rung in one.measured) == {0: 6, 1: 3, 2: 1}
    assert len({tuple(metrics.items()) for metrics in one.measured.values()}) == 10
    both = one.measured.keys() & other.measured.keys()  # of equal accuracies the earlier one is promoted
    assert {key for key, rung in both if rung == 0} == {key for key, _ in other.measured}
    assert {place: one.measured[place] for place in both} == {place: other.measured[place] for place in both}
    assert any(rung > 0 for _, rung in both)
