"""Train the best networks of a run, from different species where there are, and let them vote.

    python examples/ensemble.py runs/mnist_neat --size 5

Prints accuracy and size of the ensemble beside the single best network, and keeps the networks in the run's folder.
`neat-deep ensemble` does the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from neat_deep.cli.commands.ensemble import ensemble
from neat_deep.cli.running import call_with_options, run_script


def main(arguments: Sequence[str] | None = None) -> None:
    """Choose, train, vote."""
    call_with_options(ensemble, arguments, __doc__ or "")


if __name__ == "__main__":
    run_script(main)
