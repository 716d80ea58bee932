"""Which search an INI file or a run's folder is for, and that search begun, resumed or reported."""

from __future__ import annotations

from pathlib import Path

from neat_deep.base.errors import ConfigError, OutputError, StoreError
from neat_deep.base.files import check_writable
from neat_deep.base.registry import resolve
from neat_deep.cli.known_options import check_options
from neat_deep.cli.request import Request
from neat_deep.strategies.registry import IN_STORE, STRATEGIES, RunKind, StrategyInfo


def start_search(request: Request) -> None:
    """Search as `request.config` says, by the strategy that the request names or else by the one the file is for.

    Raises `ConfigError` and `UnknownNameError`, and what the search raises.
    """
    assert request.config is not None
    _start(_strategy_for(request.config, request.given.get("strategy")), request)


def search_by(strategy: str, request: Request) -> None:
    """Search, or go on with a run, by the strategy of a script, whatever the INI file is for."""
    _start(STRATEGIES.get(strategy), request)


def resume_search(request: Request) -> None:
    """Go on with the run `request.run`; raises `StoreError` for a folder that is none, or that cannot be written."""
    assert request.run is not None
    kind = kind_of(request.run)
    if kind is IN_STORE:  # its store says which strategy the run has
        _run(kind, request)
        return
    owner = next(info for info in STRATEGIES.values() if info.kind is kind)
    strategy = request.given.get("strategy", owner.name)
    if strategy != owner.name:
        raise ConfigError(f"--strategy: got {strategy}, the run has {owner.name}; allowed: that one, or none")
    _start(owner, request)


def report_run(run: Path, out: Path | None) -> None:
    """Tell what happened in a run; pictures go to the folder `out`, None for the run's.

    Raises `StoreError` for what is no run, and `OutputError` for a folder that cannot be made or written.
    """
    resolve(kind_of(run).report)(run, out)


def kind_of(run: Path) -> RunKind:
    """Of which kind the run in a folder, or of the trace in it, is; raises `StoreError` for one that is none."""
    kinds = list(dict.fromkeys(info.kind for info in STRATEGIES.values()))
    for kind in kinds:
        if run.name == kind.trace or any((run / name).is_file() for name in (kind.trace, kind.begun) if name):
            return kind
    if not run.is_dir():
        return IN_STORE  # its store says what is wrong with a path or a file
    traces = " or ".join(kind.trace for kind in kinds)
    raise StoreError(f"{run} holds no {traces}; allowed: the folder of a search")


def _start(info: StrategyInfo, request: Request) -> None:
    check_options(info, request.given)
    _run(info.kind, request)


def _run(kind: RunKind, request: Request) -> None:
    if request.run is not None and request.run.exists():
        _check_writable(request.run)
    resolve(kind.search)(request)


def _check_writable(run: Path) -> None:
    """Raise `StoreError` now, not after the data are read."""
    try:
        check_writable(run if run.is_dir() else run.parent)
    except OutputError as error:
        raise StoreError(f"{error}; a search that goes on writes there: resume a copy of it elsewhere") from None


def _strategy_for(config: Path, strategy: str | None) -> StrategyInfo:
    """The strategy that the option, or else the INI file, asks for."""
    from neat_deep.config.ini import check_sections, read_ini, use_plugins
    from neat_deep.config.search_settings import SECTION as SEARCH
    from neat_deep.config.strategy_experiment import strategy_of

    parser = read_ini(config)
    use_plugins(config, parser, trusted=True)  # one of them may bring the strategy
    if strategy is not None:
        info = STRATEGIES.get(strategy, "--strategy")
        strategy_of(config, strategy)  # whether the file suits it
        return info
    if parser.has_section(SEARCH):
        return STRATEGIES.get(strategy_of(config), f"{config}: [{SEARCH}] strategy")
    with_loops = [info for info in STRATEGIES.values() if info.make is None]  # the others need [Search]
    matching = [info for info in with_loops if parser.has_section(info.section)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = ", ".join(info.name for info in matching)
        raise ConfigError(f"{config}: is for several strategies ({names}); say which with --strategy")
    check_sections(config, parser)  # it may be there, misspelt
    allowed = ", ".join(f"[{info.section}] ({info.name})" for info in with_loops)
    raise ConfigError(
        f"{config}: no section that says how to search; allowed: {allowed}, or [{SEARCH}] and a strategy of the list; "
        "`neat-deep init DATASET` writes a whole file"
    )
