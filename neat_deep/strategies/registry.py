"""The registry of strategies: ways to propose architectures, of which each is one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from neat_deep.base.registry import Registry
from neat_deep.base.sections import SECTIONS, register_section
from neat_deep.space.architecture import Skeleton
from neat_deep.space.points import Space
from neat_deep.strategies.proposals import Proposal

if TYPE_CHECKING:
    from neat_deep.scoring.candidate import Candidate
    from neat_deep.scoring.scores import Score
    from neat_deep.scoring.settings import FitnessSettings


class Strategy(Protocol):
    """Proposes points of a search space, hears their scores, and can be stopped and taken up again."""

    def ask(self, count: int) -> Sequence[Proposal | Candidate]:
        """Up to `count` proposals, to be scored together; none when there is nothing left to propose.

        Their numbers rise from 0 over the whole search. A strategy that makes whole architectures itself proposes
        candidates; the search makes candidates of points.
        """
        ...

    def tell(self, scores: Sequence[Score]) -> None:
        """The scores of what was asked for last, in that order."""
        ...

    def state(self) -> Mapping[str, Any]:
        """What `restore` needs to go on as if never stopped, random state and all, as JSON would hold it."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the strategy that gave `state`."""
        ...


@dataclass(frozen=True)
class StrategyContext:
    """What a strategy is made from: the space, the skeleton of all candidates, its settings, its seed.

    `settings` is an instance of the strategy's settings class, None where it has none. A strategy that proposes points
    looks at nothing of the space but what `Space` says, and at no skeleton, so that it runs on every space.
    """

    space: Space[Any]
    skeleton: Skeleton
    settings: Any
    seed: int


StrategyFactory = Callable[[StrategyContext], Strategy]
# Called with the settings of [Fitness] and the candidates of a generation too.
StrategyCheck = Callable[[StrategyContext, "FitnessSettings", int], None]


@dataclass(frozen=True)
class StrategyInfo:
    """A strategy. `make` is its factory, or names it as `module:attribute`.

    `settings` is the frozen dataclass that its INI section `section` is read into, for a strategy with settings. One
    that `needs_weights` hands trained weights on, so nothing but a training can score what it proposes. `check`, or
    what it names, raises a `ConfigError` for settings that do not suit the strategy, before a new run begins.
    """

    name: str
    make: StrategyFactory | str
    summary: str = ""
    section: str = ""
    settings: type[Any] | str | None = None
    needs_weights: bool = False
    check: StrategyCheck | str | None = None


STRATEGIES: Registry[StrategyInfo] = Registry("strategy")


def register_strategy(
    name: str, *, summary: str = "", section: str = "", settings: type[Any] | None = None
) -> Callable[[StrategyFactory], StrategyFactory]:
    """Register a factory `StrategyContext -> Strategy` as the strategy `name`, for `[Search] strategy`.

    Its INI section, if it has one, is registered with it.
    """

    def decorate(factory: StrategyFactory) -> StrategyFactory:
        STRATEGIES.add(StrategyInfo(name, factory, summary, section, settings))
        if section and settings is not None and section not in SECTIONS:
            register_section(section, settings)
        return factory

    return decorate


for _info in (
    StrategyInfo(
        "random",
        "neat_deep.strategies.random_search:RandomSearch",
        "draws different cells from the search space, whatever came before",
    ),
    StrategyInfo(
        "grid",
        "neat_deep.strategies.grid:Grid",
        "goes through every different network of a small space",
        "Grid",
        "neat_deep.strategies.grid:GridSettings",
    ),
    StrategyInfo(
        "local_search",
        "neat_deep.strategies.local_search:LocalSearch",
        "climbs from neighbour to better neighbour, and begins again on a summit",
        "LocalSearch",
        "neat_deep.strategies.local_search:LocalSearchSettings",
    ),
    StrategyInfo(
        "regularized_evolution",
        "neat_deep.strategies.regularized_evolution:RegularizedEvolution",
        "mutates the winners of tournaments; age removes, not fitness",
        "RegularizedEvolution",
        "neat_deep.strategies.regularized_evolution:RegularizedEvolutionSettings",
    ),
    StrategyInfo(
        "reinforce",
        "neat_deep.strategies.reinforce:Reinforce",
        "a controller learns to make the decisions of good networks (REINFORCE)",
        "Reinforce",
        "neat_deep.strategies.reinforce:ReinforceSettings",
    ),
    StrategyInfo(
        "optuna",
        "neat_deep.strategies.optuna_search:OptunaSearch",
        "asks one of Optuna's samplers, TPE by default (extra `optuna`)",
        "Optuna",
        "neat_deep.strategies.optuna_search:OptunaSettings",
    ),
    StrategyInfo(
        "predictor",
        "neat_deep.strategies.predictor:Predictor",
        "a regressor predicts which networks are worth a training",
        "Predictor",
        "neat_deep.strategies.predictor:PredictorSettings",
    ),
    StrategyInfo(
        "morphism",
        "neat_deep.strategies.network_morphism:NetworkMorphism",
        "lets a trained network grow by moves that do not change what it computes",
        "Morphism",
        "neat_deep.strategies.network_morphism:MorphismSettings",
        needs_weights=True,
        check="neat_deep.strategies.network_morphism:check_morphism",
    ),
):
    STRATEGIES.add(_info)
    if _info.section and _info.settings:
        register_section(_info.section, _info.settings)
