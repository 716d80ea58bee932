"""The searches that the command knows, by name; other packages add theirs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neat_deep.base.registry import Registry


@dataclass(frozen=True)
class Request:
    """What a command line asks of a search: a new one of `config`, or to go on with `run`.

    `given` are the options by name, those that were given alone. `place` is what messages put before mistakes about
    `run`, such as `--resume`. `started` is when the command began, a point of `time.time()`: a promise of minutes
    counts from there.
    """

    config: Path | None = None
    run: Path | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""
    started: float = field(default_factory=time.time)


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
