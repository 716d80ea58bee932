"""The registry of strategies: ways to propose architectures, of which each is one file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neat_deep.base.registry import Registry
from neat_deep.base.sections import SECTIONS, register_section
from neat_deep.strategies.strategy import Strategy, StrategyContext

if TYPE_CHECKING:
    from neat_deep.scoring.settings import FitnessSettings


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
