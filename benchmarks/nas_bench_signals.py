"""Signals of NAS-Bench-201's cells before any training, as a table beside that of their accuracies.

    python benchmarks/nas_bench_signals.py --data-root data          # makes benchmarks/nas_bench_signals.csv.gz

NWOT (Mellor et al., arXiv 2006.04647) of each cell's network with its drawn weights, by the same function that a search
uses, on 16 CIFAR-10 images, halved to 16x16, with one cell in each stage; and the parameters of the published network.
Smaller networks than the published ones, so that a core makes the table within an hour; the last lines say how both
signals rank the cells: Spearman's rho with the test accuracy after 200 epochs, and the validation accuracy after 12.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from scipy.stats import spearmanr
from torch.nn import functional as F

from nas_bench_network import NasBenchNetwork
from nas_bench_table import OPS, SHIPPED, Cell, NasBenchSpace, read_table
from neat_deep.base.errors import DataError
from neat_deep.base.randomness import derive_seed
from neat_deep.cli.running import run_script
from neat_deep.data import Batch, DataSettings, load_dataset, part_of
from neat_deep.networks.cost import count_parameters
from neat_deep.scoring.metrics import Untrained
from neat_deep.scoring.zero_cost import nwot

TABLE = Path(__file__).resolve().parent / "nas_bench_signals.csv.gz"
SIGNALS = ("nwot", "parameters")
IMAGES, CELLS = 16, 1  # of a batch, in a stage


def read_signals(path: Path = TABLE) -> dict[str, dict[str, float]]:
    """Each signal's values by the cells' keys; raises `DataError`."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        return {name: {line["ops"]: float(line[name]) for line in lines} for name in SIGNALS}
    except (OSError, EOFError, KeyError, ValueError) as error:
        raise DataError(f"{path}: the signals cannot be read: {error}") from None


def parameters_of(cell: Cell) -> int:
    """The weights of the published network of a cell, with five cells in each stage.

    They are the sum of what each edge's op has, so one network for each op tells them all.
    """
    return WITHOUT_OPS + sum(OF_OP[op] for op in cell)


WITHOUT_OPS = count_parameters(NasBenchNetwork((0,) * 6))
OF_OP = [(count_parameters(NasBenchNetwork((op,) * 6)) - WITHOUT_OPS) // 6 for op in range(len(OPS))]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write the table, print the ranks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", default="data", metavar="DIR", help="the folder that CIFAR-10 lies in")
    parser.add_argument("--out", type=Path, default=TABLE, metavar="FILE")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    dataset = load_dataset(DataSettings("cifar10", options.data_root))
    examples = part_of(dataset.train, IMAGES, 0)
    (whole,) = examples.eval_batches(IMAGES)
    batch = Batch(F.avg_pool2d(whole.inputs, 2), whole.labels)
    space = NasBenchSpace()
    started = time.perf_counter()
    rows = []
    for cell in space.enumerate():
        torch.manual_seed(derive_seed(0, space.key(cell)))
        network = NasBenchNetwork(cell, CELLS)
        value = nwot(Untrained(network, dataset.spec, batch))
        rows.append((space.key(cell), value, parameters_of(cell)))
    seconds = (time.perf_counter() - started) / len(rows)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("ops", *SIGNALS))
    writer.writerows((key, f"{value:.4f}", parameters) for key, value, parameters in rows)
    options.out.write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))
    table = read_table(SHIPPED)
    for name, values in read_signals(options.out).items():
        for column in ("test", "validation"):
            rho = spearmanr([values[key] for key in table], [getattr(row, column) for row in table.values()]).statistic
            print(f"{name} with {column}: rho {rho:.3f}")
    print(f"{1000 * seconds:.1f} ms a cell")


if __name__ == "__main__":
    run_script(main)
