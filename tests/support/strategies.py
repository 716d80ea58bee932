"""Strategies of the registry on small spaces, and scores by formula for what they propose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from neat_deep.base.registry import resolve
from neat_deep.scoring.scores import DIVERGED, SCORED, Score
from neat_deep.space.architecture import Skeleton
from neat_deep.space.cell_graph import CellGraph
from neat_deep.space.search_space import SearchSpace
from neat_deep.strategies.proposals import Proposal
from neat_deep.strategies.registry import STRATEGIES, proposing_strategies
from neat_deep.strategies.strategy import Strategy, StrategyContext

SPACE = SearchSpace(("identity", "sep_conv_3", "max_pool_3", "none"), aggregations=("add", "mul"), nodes=4)
TINY = SearchSpace(("identity", "sep_conv_3", "max_pool_3", "none"), ("identity",), nodes=1)  # 9 networks
SKELETON = Skeleton(channels=4, cells=1)

OVER_POINTS = [name for name, info in proposing_strategies().items() if not info.needs_weights]
# So small that a few generations reach every part of a strategy.
SMALL: Mapping[str, Mapping[str, Any]] = {
    "local_search": {"starts": 3},
    "regularized_evolution": {"population": 6, "tournament": 3},
    "optuna": {"sampler": "TPESampler"},
    "predictor": {"starts": 4, "refit": 3, "trees": 4, "pool": 8},
}


def small_settings(name: str, **settings: Any) -> Any:
    """A strategy's settings, small but for those that are given; None for a strategy without any."""
    kind = STRATEGIES.get(name).settings
    return None if kind is None else resolve(kind)(**{**SMALL.get(name, {}), **settings})


def made(
    name: str, seed: int = 5, space: SearchSpace | None = None, *, start: CellGraph | None = None, **settings: Any
) -> Strategy:
    """A strategy with small settings, of which some may be given; a grid has the part of `SPACE` that it can finish."""
    space = space or (replace(SPACE, nodes=1) if name == "grid" else SPACE)
    chosen = small_settings(name, **settings)
    strategy: Strategy = resolve(STRATEGIES.get(name).make)(StrategyContext(space, SKELETON, chosen, seed, start))
    return strategy


def scores(proposals: Sequence[Proposal]) -> list[Score]:
    """A score by formula for each; one in three failed."""
    found = []
    for proposal in proposals:
        digest = proposal.point.digest()
        worth = int(digest[:6], 16) / 16**6
        failed = proposal.number % 3 == 2
        found.append(
            Score(
                candidate=proposal.number,
                status=DIVERGED if failed else SCORED,
                digest=digest,
                metrics={} if failed else {"accuracy": worth},
                objective=None if failed else worth,
                fitness=-1.0 if failed else worth,
            )
        )
    return found


def generations(strategy: Strategy, count: int, size: int = 5) -> list[list[Proposal]]:
    """What a strategy proposes in some generations, until it ends; it is told the scores of each."""
    asked: list[list[Proposal]] = []
    while len(asked) < count and (proposals := strategy.ask(size)):
        asked.append([cast(Proposal, proposal) for proposal in proposals])
        strategy.tell(scores(asked[-1]))
    return asked
