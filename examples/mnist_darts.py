"""Search an image classifier by gradient descent, retrain the derived network, read the test set once.

    python examples/mnist_darts.py                                    # MNIST, with configs/mnist_darts.ini
    python examples/mnist_darts.py --config configs/digits_darts.ini  # scikit-learn's digits, nothing to download

Any INI file with a section [Darts] and any image data set will do. A search that was stopped goes on with
`--resume` and the folder of its run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from darts.plugin import DARTS
from neat_deep.cli.running import run_script
from neat_deep.cli.scripts import search_script

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "mnist_darts.ini"


def main(arguments: Sequence[str] | None = None) -> None:
    """Search, retrain, report."""
    search_script(arguments, description=__doc__ or "", strategy=DARTS.name, config=CONFIG)


if __name__ == "__main__":
    run_script(main)
