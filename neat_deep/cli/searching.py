"""Which search an INI file or a run's folder is for, and that search begun, resumed or reported."""

from __future__ import annotations

from pathlib import Path

from neat_deep.base.errors import ConfigError, StoreError, unknown_name
from neat_deep.base.registry import resolve
from neat_deep.cli.options import SEARCH, WHERE, flag
from neat_deep.cli.runners import NEAT, RUNNERS, Request, RunnerInfo

ALWAYS = frozenset({"threads", "retrainings", "start", *WHERE})  # options of every search


def start_search(request: Request, strategy: str | None = None) -> None:
    """Search as `request.config` says, by `strategy` or else by the one that the file is for.

    Raises `ConfigError` and `UnknownNameError`, and what the search raises.
    """
    if strategy is not None:
        runner = RUNNERS.get(strategy, "--strategy")
    else:
        assert request.config is not None
        runner = _runner_for(request.config)
    _start(runner, request)


def resume_search(request: Request) -> None:
    """Go on with the run `request.run`; raises `StoreError` for a folder that is none."""
    assert request.run is not None
    _start(runner_of(request.run), request)


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
    for option in SEARCH:
        if option in request.given and option not in ALWAYS | runner.options:
            allowed = ", ".join(flag(name) for name in SEARCH if name in ALWAYS | runner.options)
            raise ConfigError(
                f"{flag(option)}: got {request.given[option]}, which the strategy '{runner.name}' does not know; "
                f"allowed: {allowed}"
            )
    resolve(runner.search)(request)


def _runner_for(config: Path) -> RunnerInfo:
    from neat_deep.config.ini import check_sections, read_ini, use_plugins
    from neat_deep.config.strategy_experiment import SEARCH as SEARCH_SECTION
    from neat_deep.config.strategy_experiment import strategy_of
    from neat_deep.strategies.registry import STRATEGIES

    parser = read_ini(config)
    use_plugins(config, parser, trusted=True)  # one of them may bring the strategy
    if parser.has_section(SEARCH_SECTION):
        name = strategy_of(config)
        known = [*RUNNERS, *(other for other in STRATEGIES if other not in RUNNERS)]
        if name not in known:
            raise unknown_name("strategy", name, known, f"{config}: [{SEARCH_SECTION}] strategy")
        return RUNNERS.get(name) if name in RUNNERS else NEAT
    found = [info for info in RUNNERS.values() if parser.has_section(info.section)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(info.name for info in found)
        raise ConfigError(f"{config}: is for several strategies ({names}); say which with --strategy")
    check_sections(config, parser)  # it may be there, misspelt
    allowed = ", ".join(f"[{info.section}] ({info.name})" for info in RUNNERS.values())
    raise ConfigError(f"{config}: no section that says how to search; allowed: {allowed}")
