"""What `neat_deep` learns of this package, by its entry point: a strategy called `darts`, and its INI section.

Nothing here needs torch.
"""

from __future__ import annotations

from darts.run_files import BEGUN, CHECKPOINT
from neat_deep.strategies.registry import START, RunKind, StrategyInfo, add_strategy

DARTS = StrategyInfo(
    "darts",
    None,
    "gradient descent on a supernet that mixes all candidates (DARTS)",
    section="Darts",
    settings="darts.settings:DartsSettings",
    options=frozenset({"search_epochs", "minutes", START}),
    kind=RunKind(
        "darts.command_line:run_darts",
        "darts.run_report:report_run",
        CHECKPOINT,
        BEGUN,
        page="darts.page:read_run",
        cost="darts.search_cost:search_seconds",
    ),
)
add_strategy(DARTS)
