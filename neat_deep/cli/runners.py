"""The searches that the command knows, by name; other packages add theirs."""

from __future__ import annotations

from dataclasses import dataclass

from neat_deep.base.registry import Registry


@dataclass(frozen=True)
class RunnerInfo:
    """A kind of search.

    `section` of an INI file tells that the file is for it, the file `trace` in a folder that the run is its, and so
    does the file `begun` in that of a run that stopped before it had left its trace. It takes
    the options `options` beside those of every search. `search` and `report` name code as `module:function`: the one
    is called with a `Request`, the other with a run's path and the folder for pictures, None for the run's.
    """

    name: str
    summary: str
    section: str
    trace: str
    options: frozenset[str]
    search: str
    report: str
    begun: str = ""


RUNNERS: Registry[RunnerInfo] = Registry("strategy")
NEAT = RunnerInfo(
    "neat",
    "neat-python evolves cells that are trained by gradient descent",
    section="NEAT",
    trace="run.sqlite",
    options=frozenset(
        {"generations", "evaluations", "samples", "minutes", "population", "workers", "fitness_threshold"}
    ),
    search="neat_deep.cli.search_runner:search_and_retrain",
    report="neat_deep.cli.run_report:report_run",
)
RUNNERS.add(NEAT)
