"""Train any architecture on any data set, and read the test set once.

    python examples/train_architecture.py configs/architectures/resnet_block.json --dataset mnist
    python examples/train_architecture.py runs/mnist_neat/best.json --config configs/cifar10_neat.ini --cells 6
    python examples/train_architecture.py runs/sst2_neat/best.json --dataset imdb --max-length 800

The architecture may come from either searcher or from a hand-written file. Its cell is kept; the data set's sizes,
and the skeleton's where options say so, are put around it: this is how an architecture is transferred. `neat-deep
train` does the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from neat_deep.cli.commands.train import train
from neat_deep.cli.running import call_with_options, run_script


def main(arguments: Sequence[str] | None = None) -> None:
    """Load, train, report."""
    call_with_options(train, arguments, __doc__ or "")


if __name__ == "__main__":
    run_script(main)
