"""The registry of strategies: all that the program knows of each way to search, by name.

Most propose architectures when they are asked, and each of these is one file here. A strategy with a loop of its own,
as neat-python has, or as another package may bring, stands beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from neat_deep.base.registry import Registry, resolve
from neat_deep.base.sections import SECTIONS, register_section
from neat_deep.space.architecture import Architecture
from neat_deep.space.points import Space
from neat_deep.strategies.strategy import Strategy, StrategyContext

if TYPE_CHECKING:
    from neat_deep.scoring.settings import FitnessSettings


StrategyFactory = Callable[[StrategyContext], Strategy]
# Makes the point that a search in a space starts from, of an architecture; raises `GraphError` for one outside.
StartReader = Callable[[Space[Any], Architecture], Any]
# Called with the settings of [Fitness] and the candidates of a generation too.
StrategyCheck = Callable[[StrategyContext, "FitnessSettings", int], None]

NEAT = "neat"  # searches where an INI file says nothing of a strategy


@dataclass(frozen=True)
class RunKind:
    """How the command runs a search, and how it knows the run again.

    `search` and `report` name code as `module:function`: the one is called with a `Request`, the other with a run's
    path and the folder for pictures, None for the run's. The file `trace` in a folder tells that a run is of this kind,
    and so does the file `begun` in that of a run that stopped before it had left its trace. `page` names what makes a
    `RunReport` of a run's path, for HTML pages; runs of a kind without it have none. `cost` names what tells how many
    seconds of one core the search of a `Request` would take, the final training left out; empty where nothing does.
    """

    search: str
    report: str
    trace: str
    begun: str = ""
    page: str = ""
    cost: str = ""


IN_STORE = RunKind(
    search="neat_deep.cli.search_runner:search_and_retrain",
    report="neat_deep.cli.run_report:report_run",
    trace="run.sqlite",
    page="neat_deep.reports.html.store_run:read_run",
    cost="neat_deep.cli.search_cost:search_seconds",
)
# The command's options that a search with a run store knows, beside those of every search.
OPTIONS = frozenset({"generations", "evaluations", "samples", "minutes", "population", "workers"})
START = "start"  # the option of a strategy that can start from what another found


@dataclass(frozen=True)
class StrategyInfo:
    """A strategy. `make` is its factory, or names it as `module:attribute`; None for one with a loop of its own.

    `settings` is the frozen dataclass that its INI section `section` is read into, for a strategy with settings. A file
    without [Search] is for the strategy with a loop of its own whose section it has. One that `needs_weights` hands
    trained weights on, so nothing but a training can score what it proposes. `check`, or what it names, raises a
    `ConfigError` for settings that do not suit the strategy, before a new run begins.

    `kind` says how it is run and reported, and `options` which options of the command it takes, `START` among them if
    it can start from an architecture. `start_point` makes the start in its context of that one, None by the rule of
    all our spaces; a key `start_key` of its section may name an architecture too. `loop` names the
    function that searches in the folder of a run with a run store, None for the one that asks and tells. One that is
    `asynchronous` has no generations: it can be asked for more while evaluations are still made. One that can be
    `screened` proposes more than is trained, and hears which were left out (`CanBeScreened`).

    `initial` says which values, by section and key, the strategy needs in an INI file that begins as that of another
    strategy: what `neat-deep init` writes there.
    """

    name: str
    make: StrategyFactory | str | None
    summary: str = ""
    section: str = ""
    settings: type[Any] | str | None = None
    needs_weights: bool = False
    check: StrategyCheck | str | None = None
    options: frozenset[str] = OPTIONS
    kind: RunKind = IN_STORE
    loop: str | None = None
    start_point: StartReader | str | None = None
    start_key: str = ""
    asynchronous: bool = False
    screened: bool = False
    initial: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def code_of_loop(self) -> Any:
        """The function that searches in the folder of a run."""
        return resolve(self.loop or "neat_deep.search.strategy_search:search")

    def point_of(self, space: Space[Any], start: Architecture) -> Any:
        """The point that a search starts from; raises `GraphError` for an architecture that the space cannot hold."""
        return resolve(self.start_point or "neat_deep.strategies.starts:start_point")(space, start)


STRATEGIES: Registry[StrategyInfo] = Registry("strategy")


def register_strategy(
    name: str,
    *,
    summary: str = "",
    section: str = "",
    settings: type[Any] | None = None,
    takes_start: bool = False,
    asynchronous: bool = False,
    screened: bool = False,
) -> Callable[[StrategyFactory], StrategyFactory]:
    """Register a factory `StrategyContext -> Strategy` as the strategy `name`, for `[Search] strategy`.

    Its INI section, if it has one, is registered with it. One that `takes_start` begins with `StrategyContext.start`
    where there is one; a start for any other is refused. One that is `asynchronous` can be asked for more while
    evaluations are still made, as `Strategy` says. One that can be `screened` has the method of `CanBeScreened`.
    """

    def decorate(factory: StrategyFactory) -> StrategyFactory:
        options = OPTIONS | {START} if takes_start else OPTIONS
        add_strategy(
            StrategyInfo(
                name,
                factory,
                summary,
                section,
                settings,
                options=options,
                asynchronous=asynchronous,
                screened=screened,
            )
        )
        return factory

    return decorate


def add_strategy(info: StrategyInfo) -> None:
    """Register a strategy with its INI section; raises `ConfigError` for a name that is taken."""
    STRATEGIES.add(info)
    if info.section and info.settings is not None and info.section not in SECTIONS:
        register_section(info.section, info.settings)


def proposing_strategies() -> Mapping[str, StrategyInfo]:
    """The strategies that propose what one search loop scores, by name: all but those with a loop of their own."""
    return {info.name: info for info in STRATEGIES.values() if info.make is not None}


for _info in (
    StrategyInfo(
        NEAT,
        None,
        "neat-python evolves cells that are trained by gradient descent",
        "NEAT",
        options=OPTIONS | {START, "fitness_threshold"},
        loop="neat_deep.search.evolve:evolve",
        screened=True,
    ),
    StrategyInfo(
        "random",
        "neat_deep.strategies.random_search:RandomSearch",
        "draws different cells from the search space, whatever came before",
        options=OPTIONS | {START},
        asynchronous=True,
        screened=True,
    ),
    StrategyInfo(
        "grid",
        "neat_deep.strategies.grid:Grid",
        "goes through every different network of a small space",
        "Grid",
        "neat_deep.strategies.grid:GridSettings",
        options=OPTIONS | {START},
        asynchronous=True,
        initial={  # a space of about a hundred networks; most others are too large
            (section, key): value
            for section, nodes in (("SearchSpace", "nodes"), ("CellGenome", "max_nodes"))
            for key, value in (
                (nodes, "2"),
                ("op_options", "identity sep_conv_3 max_pool_3"),
                ("activation_options", "relu"),
                ("aggregation_options", "add"),
            )
        },
    ),
    StrategyInfo(
        "local_search",
        "neat_deep.strategies.local_search:LocalSearch",
        "climbs from neighbour to better neighbour, and begins again on a summit",
        "LocalSearch",
        "neat_deep.strategies.local_search:LocalSearchSettings",
        options=OPTIONS | {START},
        asynchronous=True,
        screened=True,
    ),
    StrategyInfo(
        "regularized_evolution",
        "neat_deep.strategies.regularized_evolution:RegularizedEvolution",
        "mutates the winners of tournaments; age removes, not fitness",
        "RegularizedEvolution",
        "neat_deep.strategies.regularized_evolution:RegularizedEvolutionSettings",
        options=OPTIONS | {START},
        asynchronous=True,
        screened=True,
    ),
    StrategyInfo(
        "reinforce",
        "neat_deep.strategies.reinforce:Reinforce",
        "a controller learns to make the decisions of good networks (REINFORCE)",
        "Reinforce",
        "neat_deep.strategies.reinforce:ReinforceSettings",
        options=OPTIONS | {START},
        asynchronous=True,
        screened=True,
    ),
    StrategyInfo(
        "optuna",
        "neat_deep.strategies.optuna_search:OptunaSearch",
        "asks one of Optuna's samplers, TPE by default (extra `optuna`)",
        "Optuna",
        "neat_deep.strategies.optuna_search:OptunaSettings",
        options=OPTIONS | {START},
        asynchronous=True,
        screened=True,
    ),
    StrategyInfo(
        "predictor",
        "neat_deep.strategies.predictor:Predictor",
        "a regressor predicts which networks are worth a training",
        "Predictor",
        "neat_deep.strategies.predictor:PredictorSettings",
        options=OPTIONS | {START},
        asynchronous=True,
    ),
    StrategyInfo(
        "morphism",
        "neat_deep.strategies.network_morphism:NetworkMorphism",
        "lets a trained network grow by moves that do not change what it computes",
        "Morphism",
        "neat_deep.strategies.network_morphism:MorphismSettings",
        needs_weights=True,
        check="neat_deep.strategies.network_morphism:check_morphism",
        options=OPTIONS | {START},
        start_point="neat_deep.strategies.network_morphism:start_cell",
        start_key="start",
        initial={("Network", "channels"): "8", ("Fitness", "inherit"): "True", ("Fitness", "channels"): "0"},  # grows
    ),
):
    add_strategy(_info)
