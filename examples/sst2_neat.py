"""Evolve a classifier of sentences: search with neat-python, retrain the best network, read the test set once.

    python examples/sst2_neat.py                                      # SST-2, with configs/sst2_neat.ini
    python examples/sst2_neat.py --dataset tsv --data-root my_texts   # your own train.tsv and test.tsv
    python examples/sst2_neat.py --resume runs/sst2_neat              # a run that was stopped, from where it was

Any experiment's INI file and any text data set will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neat_deep.cli.running import run_script
from neat_deep.cli.scripts import search_script

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "sst2_neat.ini"


def main(arguments: Sequence[str] | None = None) -> None:
    """Search, retrain, report."""
    search_script(arguments, description=__doc__ or "", strategy="neat", config=CONFIG)


if __name__ == "__main__":
    run_script(main)
