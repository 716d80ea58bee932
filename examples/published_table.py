"""The published experiment in one command: searches, trainings with several seeds, a table and a chart.

    python examples/published_table.py                                     # digits and made data, minutes
    python examples/published_table.py --scale hour --data-root data       # real data, cut to an hour of two cores
    python examples/published_table.py --scale full --data-root data       # the shipped experiments, hours

Stopped, it goes on where it was when the same command is given again. `neat-deep reproduce` does the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from neat_deep.cli.commands.reproduce import reproduce
from neat_deep.cli.running import call_with_options, run_script


def main(arguments: Sequence[str] | None = None) -> None:
    """Search, train, write the table."""
    call_with_options(reproduce, arguments, __doc__ or "")


if __name__ == "__main__":
    run_script(main)
