"""What `neat_deep` learns of this package, by its entry point: a search called `darts`, and its INI section.

Nothing here needs torch.
"""

from __future__ import annotations

from darts.run_files import BEGUN, CHECKPOINT
from neat_deep.base.sections import register_section
from neat_deep.cli.runners import RUNNERS, RunnerInfo

DARTS = RunnerInfo(
    "darts",
    "gradient descent on a supernet that mixes all candidates (DARTS)",
    section="Darts",
    trace=CHECKPOINT,
    options=frozenset({"epochs", "minutes"}),
    search="darts.command_line:run_darts",
    report="darts.run_report:report_run",
    begun=BEGUN,
)
RUNNERS.add(DARTS)
register_section("Darts", "darts.settings:DartsSettings")
