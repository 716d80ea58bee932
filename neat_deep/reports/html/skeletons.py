"""What a search chose of a network's skeleton, as a page tells it beside the cell."""

from __future__ import annotations

from neat_deep.reports.html.numbers import counted
from neat_deep.space.architecture import Skeleton


def skeleton_facts(skeleton: Skeleton) -> dict[str, str]:
    """The channels, the reductions, and the cells before, between and after these: (name, what to write)."""
    return {
        "channels after the stem": f"{skeleton.channels:,}",
        "reductions": str(len(skeleton.reduce_after)),
        "cells of each stage": ", ".join(map(str, skeleton.stages)),
    }


def skeleton_text(skeleton: Skeleton) -> str:
    """The same on one line: `2 + 1 + 3 cells, 2 reductions`, without the channels."""
    cells = " + ".join(map(str, skeleton.stages))
    noun = "cell" if skeleton.stages == (1,) else "cells"
    count = len(skeleton.reduce_after)
    return f"{cells} {noun}, {counted(count, 'reduction') if count else 'no reduction'}"
