"""NAS-Bench-201 as a search space and a table of scores.

Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020,
arXiv 2001.00326: all 15,625 cells of four states, of which each pair has one of five ops between them.
"""

from __future__ import annotations

import csv
import gzip
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from neat_deep.base.errors import DataError
from neat_deep.space.points import Decision

SHIPPED = Path(__file__).resolve().parent / "nas_bench_201.csv.gz"
OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ("0>1", "0>2", "1>2", "0>3", "1>3", "2>3")
PATHS = ((0, 2, 5), (0, 4), (1, 5), (3,))  # the ways from the cell's input, state 0, to its output, state 3, by edges
COLUMNS = ("ops", "c10_train_s_200", "c10_val_12", "c10_test_200")
EPOCHS, FULL_EPOCHS = 12, 200

Cell = tuple[int, ...]  # an op's place in OPS for each of EDGES


@dataclass(frozen=True)
class Row:
    """What the table says of a cell: `seconds` of 12 epochs on the published GPU, and accuracies in percent.

    `validation` is that after 12 epochs, `test` that after 200.
    """

    seconds: float
    validation: float
    test: float


class NasBenchSpace:
    """The cells of NAS-Bench-201 as a `Space`: a point is a tuple of six ops, and each is a network of its own."""

    decisions = tuple(Decision(edge, OPS) for edge in EDGES)

    def __init__(self) -> None:
        self._vectors: dict[Cell, tuple[float, ...]] = {}

    def key(self, point: Cell) -> str:
        """The ops as six digits."""
        return "".join(map(str, point))

    def sample(self, random: Random) -> Cell:
        """Each op with equal chances."""
        return tuple(random.randrange(len(OPS)) for _ in EDGES)

    def mutate(self, point: Cell, random: Random) -> Cell:
        """Another op on one edge."""
        edge = random.randrange(len(EDGES))
        op = (point[edge] + random.randrange(1, len(OPS))) % len(OPS)
        return (*point[:edge], op, *point[edge + 1 :])

    def neighbours(self, point: Cell) -> list[Cell]:
        """The 24 cells with another op on one edge."""
        return [
            (*point[:edge], op, *point[edge + 1 :])
            for edge in range(len(EDGES))
            for op in range(len(OPS))
            if op != point[edge]
        ]

    def enumerate(self) -> Iterator[Cell]:
        """All cells."""
        return itertools.product(range(len(OPS)), repeat=len(EDGES))

    def count(self, most: int) -> int:
        """How many cells there are, `most` + 1 for more than `most`."""
        return min(len(OPS) ** len(EDGES), most + 1)

    def encode(self, point: Cell) -> tuple[float, ...]:
        """The op of each edge, and how often each op stands on a way from the input to the output, as numbers."""
        if point not in self._vectors:
            self._vectors[point] = _encode(point)
        return self._vectors[point]

    def values(self, point: Cell) -> Cell:
        """The ops."""
        return point

    def decide(self, values: Sequence[int]) -> Cell:
        """The ops."""
        return tuple(values)

    def to_json(self, point: Cell) -> Any:
        """The ops."""
        return list(point)

    def from_json(self, data: Any) -> Cell:
        """The ops."""
        return tuple(data)


def read_table(path: Path) -> dict[str, Row]:
    """The table, from a CSV file or one that is compressed by gzip, by the cells' keys; raises `DataError`."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: the table cannot be read: {error}") from None
    missing = [column for column in COLUMNS if not lines or column not in lines[0]]
    if missing:
        raise DataError(f"{path}: no column {', '.join(missing)}; allowed: the table of NAS-Bench-201 as a CSV file")
    table = {}
    for number, line in enumerate(lines, start=2):
        try:
            seconds, validation, test = (float(line[column]) for column in COLUMNS[1:])
        except (TypeError, ValueError):
            raise DataError(f"{path}: line {number} has no numbers in {', '.join(COLUMNS[1:])}") from None
        table[line["ops"]] = Row(seconds * EPOCHS / FULL_EPOCHS, validation, test)
    space = NasBenchSpace()
    lacking = [key for key in map(space.key, space.enumerate()) if key not in table]
    if lacking:
        raise DataError(f"{path}: {len(lacking):,} cells are missing, the first is {lacking[0]}; allowed: all 15,625")
    return table


def _encode(point: Cell) -> tuple[float, ...]:
    one_hot = [float(op == known) for op in point for known in range(len(OPS))]
    connected = [path for path in PATHS if all(point[edge] != 0 for edge in path)]
    used = {edge for path in connected for edge in path}
    counts = [float(sum(point[edge] == known for edge in used)) for known in range(1, len(OPS))]
    paths = [float(path in connected) for path in PATHS]
    return (*one_hot, *counts, *paths)
