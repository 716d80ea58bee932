"""What happened in a run, from its store alone, while it goes on or later.

    python examples/inspect_run.py runs/mnist_neat

Prints the generations, what failed and why, and what was spent and saved; draws the winner's family tree into the run's
folder, or into the folder that --out names. `neat-deep report` does the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from neat_deep.cli.commands.report import report
from neat_deep.cli.running import call_with_options, run_script


def main(arguments: Sequence[str] | None = None) -> None:
    """Read, tell, draw."""
    call_with_options(report, arguments, __doc__ or "")


if __name__ == "__main__":
    run_script(main)
