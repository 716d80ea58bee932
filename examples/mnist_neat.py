"""Evolve an image classifier: search with neat-python, retrain the best network, read the test set once.

    python examples/mnist_neat.py                                   # MNIST, with configs/mnist_neat.ini
    python examples/mnist_neat.py --config configs/digits_neat.ini  # scikit-learn's digits, nothing to download
    python examples/mnist_neat.py --resume runs/mnist_neat          # a run that was stopped, from where it was

Any experiment's INI file and any image data set will do. `neat-deep search` does the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neat_deep.cli.running import run_script
from neat_deep.cli.scripts import search_script

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "mnist_neat.ini"


def main(arguments: Sequence[str] | None = None) -> None:
    """Search, retrain, report."""
    search_script(arguments, description=__doc__ or "", strategy="neat", config=CONFIG)


if __name__ == "__main__":
    run_script(main)
