"""Hill climbing by network morphism: what it proposes, which child it goes on from, and its state."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from neat_deep.base.errors import ConfigError
from neat_deep.base.registry import registration_scope
from neat_deep.ops import register_op
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.scores import DIVERGED, SCORED, Score
from neat_deep.space.architecture import Skeleton
from neat_deep.space.moves import MOVES
from neat_deep.space.search_space import SearchSpace
from neat_deep.strategies.network_morphism import MorphismSettings, NetworkMorphism
from neat_deep.strategies.strategy import StrategyContext
from tests.support.climbs import START

SPACE = SearchSpace(("identity", "sep_conv_3", "max_pool_3", "none"), aggregations=("add", "mul"), nodes=8)
SKELETON = Skeleton(channels=4, cells=1)


@pytest.fixture(autouse=True)
def scope() -> Iterator[None]:
    with registration_scope():
        yield


def made(seed: int = 5, space: SearchSpace = SPACE, **settings: Any) -> NetworkMorphism:
    own = MorphismSettings(**{"cells": 3, "channels": 20, **settings})
    return NetworkMorphism(StrategyContext(space, SKELETON, own, seed))


def scores(candidates: Sequence[Candidate], worths: Sequence[float | None]) -> list[Score]:
    """The scores of candidates that are worth so much; None is one that failed."""
    return [
        Score(
            candidate=c.number, status=DIVERGED if w is None else SCORED, objective=w, fitness=-1.0 if w is None else w
        )
        for c, w in zip(candidates, worths, strict=True)
    ]


def climb(strategy: NetworkMorphism, generations: int, size: int = 5) -> list[list[Candidate]]:
    """The candidates of so many generations; the last child of each is the best, and the second fails."""
    asked = []
    for _ in range(generations):
        asked.append(strategy.ask(size))
        worths = [None if place == 1 else candidate.number for place, candidate in enumerate(asked[-1])]
        strategy.tell(scores(asked[-1], worths))
    return asked


def test_each_generation_is_the_network_that_grows_and_its_children() -> None:
    first, *others = climb(made(), 5)
    assert len(first) == 1 and first[0].parents == () and first[0].morphism is None
    parent = first[0]
    digests = []
    for generation in others:
        itself, trained_on, *children = generation
        assert [c.number for c in generation] == list(range(itself.number, itself.number + 5))
        assert itself.architecture == trained_on.architecture == parent.architecture
        assert all(candidate.parents == (parent.number,) for candidate in generation)
        assert itself.morphism is None and trained_on.morphism is not None and not trained_on.morphism.moves
        for child in children:
            assert child.morphism is not None and child.morphism.parent == parent.architecture
            assert child.morphism.child == child.architecture and 1 <= len(child.morphism.moves) <= 2
            skeleton, cell = child.architecture.skeleton, child.architecture.cell
            assert len(cell.nodes) <= 8 and skeleton.cells <= 3 and skeleton.channels <= 20
            assert {edge.op for node in cell.nodes for edge in node.edges} <= set(SPACE.ops)
            digests.append(child.architecture.digest())
        parent = generation[-1]
    assert len(set(digests)) == len(digests)


def test_it_stays_where_no_child_is_better_and_tries_none_twice() -> None:
    strategy = made()
    (start,) = strategy.ask(6)
    strategy.tell(scores([start], [0.5]))
    seen = []
    for _ in range(4):
        itself, _, *children = strategy.ask(6)
        assert itself.architecture == start.architecture
        seen += [child.architecture.digest() for child in children]
        strategy.tell(scores([itself, *[itself] * 5], [0.5, 0.5, None, 0.4, 0.3, 0.5]))
    assert len(set(seen)) == len(seen) == 16


def test_a_start_that_fails_ends_the_climb() -> None:
    strategy = made()
    strategy.tell(scores(strategy.ask(5), [None]))
    assert strategy.ask(5) == []


def test_a_network_that_cannot_grow_ends_the_climb_unless_it_is_trained_on() -> None:
    for train_on, expected in ((False, 0), (True, 2)):
        strategy = made(moves=("add_cell",), cells=1, train_on=train_on)
        strategy.tell(scores(strategy.ask(5), [0.5]))
        assert len(strategy.ask(5)) == expected


@pytest.mark.parametrize("move", sorted(set(MOVES) - {"reconnect"}))
def test_only_the_moves_that_are_allowed_are_made(move: str) -> None:
    candidates = [
        candidate for generation in climb(made(moves=(move,), start=str(START)), 3) for candidate in generation
    ]
    found = {name for c in candidates if c.morphism is not None for name in c.morphism.moves}
    assert found == {move}


def test_a_network_with_an_op_that_says_nothing_of_it_is_not_widened() -> None:
    register_op("mine", parametric=False)(lambda spec: None)  # never built here
    for ops, expected in ((("mine",), set()), (("sep_conv_3",), {"widen"})):
        strategy = made(space=SearchSpace(ops, nodes=3), moves=("widen",))
        candidates = [candidate for generation in climb(strategy, 2) for candidate in generation]
        assert {name for c in candidates if c.morphism is not None for name in c.morphism.moves} == expected


def test_less_than_a_network_and_a_child_is_refused() -> None:
    with pytest.raises(ConfigError, match="generation_size: got 1, allowed with strategy = morphism: 2 or more"):
        made().ask(1)


@pytest.mark.parametrize("before", [0, 1, 4])
def test_a_restored_climb_goes_on_the_same(before: int) -> None:
    whole = made()
    climb(whole, before)
    state = whole.state()
    kept = json.dumps(dict(state))
    again = made(seed=17)  # its state holds all that its seed decided
    again.restore(json.loads(kept))
    assert json.dumps(dict(again.state())) == kept
    assert climb(again, 3) == climb(whole, 3)
    assert json.dumps(dict(state)) == kept


def test_equal_seeds_climb_the_same() -> None:
    assert climb(made(), 3) == climb(made(), 3)
    assert climb(made(), 3) != climb(made(seed=6), 3)
