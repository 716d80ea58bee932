"""What every strategy of the registry promises: asked, told, stopped and taken up again, it goes on the same."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from neat_deep.base.errors import ConfigError, UnknownNameError
from neat_deep.base.registry import registration_scope, resolve
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.scores import DIVERGED, SCORED, Score
from neat_deep.space.architecture import Skeleton
from neat_deep.space.search_space import SearchSpace
from neat_deep.strategies.registry import STRATEGIES, Strategy, StrategyContext, register_strategy

SPACE = SearchSpace(("identity", "sep_conv_3", "max_pool_3", "none"), aggregations=("add", "mul"), nodes=4)
SKELETON = Skeleton(channels=4, cells=1)


def made(name: str, seed: int = 5) -> Strategy:
    info = STRATEGIES.get(name)
    settings = None if info.settings is None else resolve(info.settings)()
    strategy: Strategy = resolve(info.make)(StrategyContext(SPACE, SKELETON, settings, seed))
    return strategy


def scores(candidates: Sequence[Candidate]) -> list[Score]:
    """A score by formula for each; one in three failed."""
    found = []
    for candidate in candidates:
        digest = candidate.architecture.cell.digest()
        worth = int(digest[:6], 16) / 16**6
        failed = candidate.number % 3 == 2
        found.append(
            Score(
                candidate=candidate.number,
                status=DIVERGED if failed else SCORED,
                digest=digest,
                architecture=None if failed else candidate.architecture,
                metrics={} if failed else {"accuracy": worth},
                objective=None if failed else worth,
                fitness=None if failed else worth,
            )
        )
    return found


def generations(strategy: Strategy, count: int) -> list[list[Candidate]]:
    asked = []
    for _ in range(count):
        asked.append(strategy.ask(5))
        strategy.tell(scores(asked[-1]))
    return asked


@pytest.mark.parametrize("name", STRATEGIES)
def test_candidates_are_of_the_space_and_numbered_in_turn(name: str) -> None:
    candidates = [candidate for generation in generations(made(name), 4) for candidate in generation]
    assert [candidate.number for candidate in candidates] == list(range(len(candidates)))
    assert len(candidates) >= 5
    for candidate in candidates:
        if not STRATEGIES.get(name).needs_weights:  # its networks may grow
            assert candidate.architecture.skeleton == SKELETON
        assert len(candidate.architecture.cell.nodes) <= SPACE.nodes
        edges = [edge for node in candidate.architecture.cell.nodes for edge in node.edges]
        assert {edge.op for edge in edges} <= set(SPACE.ops)
        assert all(parent < candidate.number for parent in candidate.parents)


@pytest.mark.parametrize("name", STRATEGIES)
def test_equal_seeds_propose_the_same(name: str) -> None:
    assert generations(made(name), 3) == generations(made(name), 3)
    assert generations(made(name), 3) != generations(made(name, seed=6), 3)


@pytest.mark.parametrize("before", [0, 1, 3])
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_restored_strategy_proposes_the_same(name: str, before: int) -> None:
    whole = made(name)
    generations(whole, before)
    kept = json.dumps(dict(whole.state()))
    again = made(name, seed=17)  # its state holds all that its seed decided
    again.restore(json.loads(kept))
    assert json.dumps(dict(again.state())) == kept
    assert generations(again, 3) == generations(whole, 3)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_state_does_not_change_as_the_strategy_goes_on(name: str) -> None:
    strategy = made(name)
    state = strategy.state()
    kept = json.dumps(dict(state))
    generations(strategy, 2)
    assert json.dumps(dict(state)) == kept


def test_a_strategy_of_the_user_is_known_by_its_name() -> None:
    with registration_scope():

        @register_strategy("mine", summary="always the same")
        def make(context: StrategyContext) -> Strategy:
            raise NotImplementedError

        assert resolve(STRATEGIES.get("mine").make) is make
        assert STRATEGIES.get("mine").summary == "always the same"
        with pytest.raises(ConfigError, match="strategy name 'mine' is taken"):
            register_strategy("mine")(make)
    with pytest.raises(UnknownNameError, match="unknown strategy 'rando'.*random"):
        STRATEGIES.get("rando")
