"""Random search: different cells until the space holds no more."""

from __future__ import annotations

import json

from neat_deep.space.architecture import Skeleton
from neat_deep.space.search_space import SearchSpace
from neat_deep.strategies.random_search import RandomSearch
from neat_deep.strategies.strategy import StrategyContext

SMALL = SearchSpace(("identity", "sep_conv_3"), ("identity",), nodes=1)  # one node of two inputs that read one state


def made(space: SearchSpace, seed: int = 1) -> RandomSearch:
    return RandomSearch(StrategyContext(space, Skeleton(channels=4, cells=1), None, seed))


def digests(strategy: RandomSearch, count: int) -> list[str]:
    return [proposal.point.digest() for proposal in strategy.ask(count)]


def test_no_cell_is_proposed_twice_and_an_exhausted_space_ends_it() -> None:
    strategy = made(SMALL)
    found = digests(strategy, 2)
    assert len(found) == 2
    strategy.restore(json.loads(json.dumps(strategy.state())))  # what it proposed before a stop counts too
    found += digests(strategy, 1000)
    assert len(found) == len(set(found)) == 3  # both alike, or one of each
    assert digests(strategy, 1000) == []


def test_many_different_cells() -> None:
    space = SearchSpace(("identity", "sep_conv_3", "max_pool_3", "none"), aggregations=("add", "mul"))
    found = digests(made(space), 200)
    assert len(set(found)) == 200
    assert digests(made(space, seed=2), 200) != found
