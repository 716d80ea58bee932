"""The options that benchmarks share with the examples: on what data, where, with which seed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from neat_deep.base.checks import check_range
from neat_deep.data import DATASETS


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """The options that most benchmarks on an experiment's data have."""
    add_data_options(parser)
    parser.add_argument("--device", help="cpu, cuda, cuda:1, ... or auto; over [Run] device")
    parser.add_argument("--out", help="folder for the run; if it exists, a number is appended. Over [Run] out")


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Those of a benchmark that writes no run and needs no GPU."""
    parser.add_argument("--dataset", help=f"{', '.join(DATASETS)}; over [Data] dataset")
    parser.add_argument("--data-root", help="folder that holds the data sets; over [Data] root")
    parser.add_argument("--seed", type=int, help="over [Run] seed")


def add_trainings_options(parser: argparse.ArgumentParser, *, seeds: int) -> None:
    """Those of a benchmark that does many trainings and keeps what they came to; `seeds` of each unless told."""
    parser.add_argument("--seeds", type=at_least("--seeds", 1), default=seeds, help="of each (default: %(default)s)")
    parser.add_argument(
        "--processes", type=at_least("--processes", 1), default=1, help="at once (default: %(default)s)"
    )
    parser.add_argument("--keep", type=Path, help="a JSON file that keeps what was trained")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON line last")


def at_least(option: str, low: int) -> Callable[[str], int]:
    """How argparse reads a whole number; `ConfigError`, which names the option, leaves it if that is below `low`."""

    def number(text: str) -> int:
        value = int(text)
        check_range(option, value, low=low)
        return value

    return number


def given(options: argparse.Namespace) -> dict[str, object]:
    """The options that were given."""
    return {name: value for name, value in vars(options).items() if value is not None}
