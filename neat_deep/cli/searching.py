"""Which search an INI file or a run's folder is for, and that search begun, resumed or reported."""

from __future__ import annotations

from pathlib import Path

from neat_deep.base.errors import ConfigError, OutputError, StoreError, unknown_name
from neat_deep.base.files import check_writable
from neat_deep.base.registry import resolve
from neat_deep.cli.options import SEARCH, WHERE, flag
from neat_deep.cli.request import Request
from neat_deep.cli.runners import NEAT, RUNNERS, RunnerInfo

ALWAYS = frozenset({"threads", "retrainings", "start", *WHERE})  # options of every search


def start_search(request: Request) -> None:
    """Search as `request.config` says, by the strategy that the request names or else by the one the file is for.

    Raises `ConfigError` and `UnknownNameError`, and what the search raises.
    """
    assert request.config is not None
    _start(_runner_for(request.config, request.given.get("strategy")), request)


def search_by(strategy: str, request: Request) -> None:
    """Search, or go on with a run, by the strategy of a script, whatever the INI file is for."""
    _start(RUNNERS.get(strategy), request)


def resume_search(request: Request) -> None:
    """Go on with the run `request.run`; raises `StoreError` for a folder that is none, or that cannot be written."""
    assert request.run is not None
    runner = runner_of(request.run)
    strategy = request.given.get("strategy", runner.name)
    if runner is not NEAT and strategy != runner.name:
        raise ConfigError(f"--strategy: got {strategy}, the run has {runner.name}; allowed: that one, or none")
    _start(runner, request)


def report_run(run: Path, out: Path | None) -> None:
    """Tell what happened in a run; pictures go to `out`, None for the run's folder."""
    resolve(runner_of(run).report)(run, out)


def runner_of(run: Path) -> RunnerInfo:
    """Whose run a folder, or the trace in it, is; raises `StoreError` for one that is none."""
    for info in RUNNERS.values():
        if run.name == info.trace or any((run / name).is_file() for name in (info.trace, info.begun) if name):
            return info
    if not run.is_dir():
        return NEAT  # its store says what is wrong with a path or a file
    traces = " or ".join(info.trace for info in RUNNERS.values())
    raise StoreError(f"{run} holds no {traces}; allowed: the folder of a search")


def _start(runner: RunnerInfo, request: Request) -> None:
    if request.run is not None and request.run.exists():
        _check_writable(request.run)
    for option in SEARCH:
        if option in request.given and option not in ALWAYS | runner.options:
            allowed = ", ".join(flag(name) for name in SEARCH if name in ALWAYS | runner.options)
            raise ConfigError(
                f"{flag(option)}: got {request.given[option]}, which the strategy '{runner.name}' does not know; "
                f"allowed: {allowed}"
            )
    resolve(runner.search)(request)


def _check_writable(run: Path) -> None:
    """Raise `StoreError` now, not after the data are read."""
    try:
        check_writable(run if run.is_dir() else run.parent)
    except OutputError as error:
        raise StoreError(f"{error}; a search that goes on writes there: resume a copy of it elsewhere") from None


def _runner_for(config: Path, strategy: str | None) -> RunnerInfo:
    """The search that `strategy`, or else the INI file, asks for."""
    from neat_deep.config.ini import check_sections, read_ini, use_plugins
    from neat_deep.config.strategy_experiment import SEARCH as SEARCH_SECTION
    from neat_deep.config.strategy_experiment import strategy_of
    from neat_deep.strategies.registry import STRATEGIES

    parser = read_ini(config)
    use_plugins(config, parser, trusted=True)  # one of them may bring the strategy
    if strategy is not None or parser.has_section(SEARCH_SECTION):
        name, place = (
            strategy or strategy_of(config),
            "--strategy" if strategy else f"{config}: [{SEARCH_SECTION}] strategy",
        )
        known = [*RUNNERS, *(other for other in STRATEGIES if other not in RUNNERS)]
        if name not in known:
            raise unknown_name("strategy", name, known, place)
        return RUNNERS.get(name) if name in RUNNERS else NEAT  # whose run store every strategy of the registry keeps
    matching = [info for info in RUNNERS.values() if parser.has_section(info.section)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = ", ".join(info.name for info in matching)
        raise ConfigError(f"{config}: is for several strategies ({names}); say which with --strategy")
    check_sections(config, parser)  # it may be there, misspelt
    allowed = ", ".join(f"[{info.section}] ({info.name})" for info in RUNNERS.values())
    raise ConfigError(f"{config}: no section that says how to search; allowed: {allowed}")
