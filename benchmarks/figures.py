"""How the benchmarks' tables show their figures."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def mean_percent(values: Sequence[float]) -> str:
    """The mean of shares (0..1) in percent, with the standard deviation of more than one."""
    spread = f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{100 * statistics.fmean(values):.2f}{spread}%"
