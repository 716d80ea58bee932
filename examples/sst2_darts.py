"""Search a classifier of sentences by gradient descent, retrain the derived network, read the test set once.

    python examples/sst2_darts.py                                      # SST-2, with configs/sst2_darts.ini
    python examples/sst2_darts.py --dataset tsv --data-root my_texts   # your own train.tsv and test.tsv

Any INI file with a section [Darts] and any text data set will do. A search that was stopped goes on with `--resume`
and the folder of its run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from darts.plugin import DARTS
from neat_deep.cli.running import run_script
from neat_deep.cli.scripts import search_script

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "sst2_darts.ini"


def main(arguments: Sequence[str] | None = None) -> None:
    """Search, retrain, report."""
    search_script(arguments, description=__doc__ or "", strategy=DARTS.name, config=CONFIG)


if __name__ == "__main__":
    run_script(main)
