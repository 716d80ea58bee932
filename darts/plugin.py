"""What `neat_deep` learns of this package when the command starts: a search called `darts`. Imports no torch."""

from __future__ import annotations

from neat_deep.cli.runners import RUNNERS, RunnerInfo

CHECKPOINT = "search.pt"  # the file in a run's folder that a search goes on from

DARTS = RunnerInfo(
    "darts",
    "gradient descent on a supernet that mixes all candidates (DARTS)",
    section="Darts",
    trace=CHECKPOINT,
    options=frozenset({"epochs"}),
    search="darts.command_line:run_darts",
    report="darts.run_report:report_run",
)
RUNNERS.add(DARTS)
