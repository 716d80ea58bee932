"""Evolve an image classifier: search with neat-python, retrain the best network, read the test set once.

    python examples/mnist_neat.py                                   # MNIST, with configs/mnist_neat.ini
    python examples/mnist_neat.py --config configs/digits_neat.ini  # scikit-learn's digits, nothing to download
    python examples/mnist_neat.py --resume runs/mnist_neat          # a run that was stopped, from where it was

Any experiment's INI file and any image data set will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neat_deep.cli.neat_runner import search_and_retrain
from neat_deep.cli.overrides import run_script

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "mnist_neat.ini"


def main(arguments: Sequence[str] | None = None) -> None:
    """Search, retrain, report."""
    search_and_retrain(arguments, description=__doc__ or "", config=CONFIG)


if __name__ == "__main__":
    run_script(main)
