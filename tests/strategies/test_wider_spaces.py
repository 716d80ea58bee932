"""Every strategy over points searches spaces of more than cells, and goes on the same when it is restored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from neat_deep.base.registry import resolve
from neat_deep.space.hierarchical_space import HierarchicalSpace
from neat_deep.space.motif_options import MotifOptions
from neat_deep.space.network_space import NetworkSpace
from neat_deep.space.points import Space
from neat_deep.space.search_space import SearchSpace
from neat_deep.space.skeleton_options import SkeletonOptions
from neat_deep.space.skeleton_space import SkeletonSpace
from neat_deep.strategies.registry import STRATEGIES
from neat_deep.strategies.strategy import Strategy, StrategyContext
from tests.support.strategies import OVER_POINTS, SKELETON, generations, small_settings

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # of a library under Optuna

OPTIONS = SkeletonOptions(channels_options=(4, 8), reductions_options=(0, 1, 2), stage_cells_options=(0, 1, 2))
SKELETONS = SkeletonSpace(OPTIONS, SKELETON)
OPS = ("identity", "sep_conv_3", "none")
MOTIFS = HierarchicalSpace(
    SearchSpace((*OPS, "max_pool_3"), ("identity",), nodes=1), MotifOptions(motifs=1, motif_nodes=1)
)
SPACES: dict[str, Space[Any]] = {
    "network": NetworkSpace(SearchSpace(OPS, ("identity",), nodes=1), SKELETONS),
    "hierarchical": MOTIFS,
}


def made(name: str, space: Space[Any], seed: int = 5) -> Strategy:
    settings = small_settings(name, **({"most": 100_000} if name == "grid" else {}))
    strategy: Strategy = resolve(STRATEGIES.get(name).make)(StrategyContext(space, SKELETON, settings, seed))
    return strategy


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("name", OVER_POINTS)
def test_a_strategy_proposes_different_networks_and_is_restored(name: str, space: Space[Any]) -> None:
    if name == "optuna":
        pytest.importorskip("optuna")
    whole = generations(made(name, space), 4, 4)
    proposals = [proposal for generation in whole for proposal in generation]
    assert len({space.key(proposal.point) for proposal in proposals}) == len(proposals) >= 8
    for proposal in proposals:
        assert space.key(space.decide(space.values(proposal.point))) == space.key(proposal.point)
    strategy, parts = made(name, space), []
    for seed in range(4):
        parts += generations(strategy, 1, 4)
        kept = json.dumps(dict(strategy.state()))
        strategy = made(name, space, seed)
        strategy.restore(json.loads(kept))
    assert parts == whole
