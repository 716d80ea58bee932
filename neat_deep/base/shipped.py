"""The INI files and architectures that are shipped: the folder `configs/`, installed as `neat_deep.configs`."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from neat_deep.base.errors import ArchitectureError, unknown_name

if TYPE_CHECKING:  # it moves between Python's versions
    from importlib.resources.abc import Traversable

PACKAGE = "neat_deep.configs"
OF_A_RUN = ("best.json", "architecture.json")  # a run's architecture: of a search, of a training


def experiment_text(dataset: str, strategy: str) -> str:
    """The shipped INI file for a data set and a strategy, as text; raises `UnknownNameError`."""
    known = experiments()
    datasets = sorted({data for data, _ in known})
    if dataset not in datasets:
        raise unknown_name("data set", dataset, datasets, "the shipped INI files")
    if (dataset, strategy) not in known:
        strategies = [kind for data, kind in known if data == dataset]
        raise unknown_name("strategy", strategy, strategies, f"the shipped INI files for {dataset}")
    return known[dataset, strategy].read_text(encoding="utf-8")


@cache  # each file is parsed, and a command asks more than once
def experiments() -> dict[tuple[str, str], Traversable]:
    """The shipped files `<data set>_<strategy>.ini`, by both; the file itself says what its data set is called."""
    files_by_name = {}
    for file in sorted(_configs().iterdir(), key=lambda file: file.name):
        stem, _, suffix = file.name.rpartition(".")
        if suffix == "ini":
            parser = configparser.RawConfigParser()
            parser.read_string(file.read_text(encoding="utf-8"))
            dataset = parser.get("Data", "dataset")
            if stem.startswith(f"{dataset}_"):
                files_by_name[dataset, stem.removeprefix(f"{dataset}_")] = file
    return files_by_name


def architectures() -> dict[str, Traversable]:
    """The shipped architectures by name: their path below `configs/architectures`, without `.json`."""
    return dict(sorted(_json_files(_configs() / "architectures", "")))


@contextmanager
def shipped_file(name: str) -> Iterator[Path]:
    """The path of a shipped INI file."""
    with as_file(_configs() / name) as path:
        yield path


@contextmanager
def architecture_file(place: Path) -> Iterator[Path]:
    """The path of an architecture's JSON file, for the file, a run's folder or the name of a shipped one.

    Raises `ArchitectureError` and `UnknownNameError`.
    """
    if place.is_dir():
        for name in OF_A_RUN:
            if (place / name).is_file():
                yield place / name
                return
        raise ArchitectureError(f"{place} holds no {' or '.join(OF_A_RUN)}; allowed: the folder of a run")
    if place.exists() or place.suffix:
        yield place
        return
    known = architectures()
    if place.as_posix() not in known:
        raise unknown_name("architecture", str(place), known, "those shipped, and no file")
    with as_file(known[place.as_posix()]) as path:
        yield path


def _configs() -> Traversable:
    try:
        return files(PACKAGE)
    except ModuleNotFoundError:  # a checkout that was not installed has the folder beside the package
        return Path(__file__).resolve().parents[2] / "configs"


def _json_files(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _json_files(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".json"):
            yield f"{prefix}{entry.name.removesuffix('.json')}", entry
