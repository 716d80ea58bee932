"""The folder of an experiment: which experiment it holds, and what is done of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neat_deep.base.errors import ConfigError, StoreError
from neat_deep.base.files import check_writable, make_folder, read_text, write_text
from neat_deep.base.locks import lock_file
from neat_deep.cli.published.plan import DARTS, Step
from neat_deep.cli.published.texts import DARTS_FILE, DATA_FILE
from neat_deep.cli.running import naming

FORMAT = "neat-deep published experiment"
VERSION = 1
IDENTITY = "experiment.json"
CONFIGS = "experiments"

Result = dict[str, Any]  # what a step comes to, as its JSON file has it


@dataclass(frozen=True)
class ExperimentFolder:
    """Where everything of an experiment lies, below `path`."""

    path: Path

    def config(self, data: str, source: str = "") -> Path:
        """The INI file of a data set, or of the search by `source` on it."""
        name = DARTS_FILE if source == DARTS else DATA_FILE
        return self.path / CONFIGS / name.format(data=data)

    def run(self, data: str, source: str) -> Path:
        """The folder of a search, as `neat-deep report` and the other commands read it."""
        return self.path / "searches" / f"{data}_{source}"

    def network(self, step: Step) -> Path:
        """The file of the network that a training leaves."""
        return self.path / "networks" / f"{step.network}.pt"

    def log(self, step: Step) -> Path:
        """What a step that runs beside others has to say."""
        return self.path / "logs" / f"{step.name}.log"

    def made(self, data: str) -> Path:
        """The folder of a data set that the program makes."""
        return self.path / "data" / data

    def result(self, step: Step) -> Result | None:
        """What a step came to, None if it is not done; raises `StoreError` for a damaged file."""
        path = self._result_file(step)
        if not path.is_file():
            return None
        advice = "remove it, and the same command does the step again"
        try:
            content = json.loads(read_text(path, "result", StoreError))
        except ValueError:
            raise StoreError(f"{path} is damaged; {advice}") from None
        if not isinstance(content, dict) or content.get("step") != step.name:
            raise StoreError(f"{path} is not what the step {step.name} came to; {advice}")
        return content

    def keep(self, step: Step, result: Mapping[str, Any]) -> None:
        """Keep what a step came to: it is done then. Raises `OutputError`."""
        write_text(self._result_file(step), json.dumps({"step": step.name, **result}, indent=2) + "\n")

    def _result_file(self, step: Step) -> Path:
        return self.path / "steps" / f"{step.name}.json"


def check_folder(path: Path, scale: str, seed: int, texts: Mapping[str, str]) -> bool:
    """Whether a folder holds this experiment already; False for one that is empty or not there.

    Raises `ConfigError` for a folder that holds another experiment, or something else; `texts` are the INI files.
    """
    if path.exists() and not path.is_dir():
        raise ConfigError(f"--out: {path} is a file, allowed: a folder")
    if not (path / IDENTITY).is_file():
        content = next(_visible(path), None)
        if content is not None:
            raise ConfigError(
                f"--out: {path} holds something else ({content}); allowed: a folder that is new or empty, or one that "
                "holds this experiment"
            )
        return False
    stored = _read_identity(path / IDENTITY)
    for name, value in {"scale": scale, "seed": seed}.items():
        if stored.get(name) != value:
            raise ConfigError(
                f"--{name}: got {value}, the experiment in {path} has {stored.get(name)}; allowed: the same, or --out "
                "with another folder"
            )
    for name, text in texts.items():
        kept = path / CONFIGS / name
        if kept.is_file() and read_text(kept, "INI file", ConfigError) != text:
            raise ConfigError(
                f"{kept} is not what the scale '{scale}' says now: the experiment was begun by another version, or the "
                "file was changed; allowed: --out with another folder"
            )
    return True


def check_place(path: Path) -> None:
    """Raise `OutputError` for a folder that cannot be written, or that does not exist yet and cannot be made."""
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    with naming("--out"):
        check_writable(existing)


@contextmanager
def opened(path: Path, scale: str, seed: int, texts: Mapping[str, str]) -> Iterator[ExperimentFolder]:
    """The folder of an experiment, begun or gone on with, written by nobody else within the block.

    Raises as `check_folder`, `OutputError` for a folder that cannot be written, and `StoreError` for one that another
    process is writing.
    """
    check_folder(path, scale, seed, texts)
    with naming("--out"):
        check_writable(make_folder(path))
    with closing(lock_file(path / IDENTITY)):
        if not (path / IDENTITY).is_file():  # first of all: it makes the folder ours
            identity = {"format": FORMAT, "version": VERSION, "scale": scale, "seed": seed}
            write_text(path / IDENTITY, json.dumps(identity, indent=2) + "\n")
        for name, text in texts.items():
            if not (path / CONFIGS / name).is_file():
                write_text(path / CONFIGS / name, text)
        yield ExperimentFolder(path)


def _visible(path: Path) -> Iterator[str]:
    """What a folder holds, but for what a stop in the first moment of an experiment may have left there."""
    try:
        names = [entry.name for entry in path.iterdir()] if path.is_dir() else []
    except OSError as error:
        raise ConfigError(f"--out: cannot read the folder {path}: {error.strerror or error}") from None
    yield from (name for name in names if not name.startswith(".") and name != f"{IDENTITY}.lock")


def _read_identity(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path, "experiment", ConfigError))
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ConfigError(f"--out: {path} is not that of an experiment; allowed: --out with another folder")
    if content.get("version") != VERSION:
        raise ConfigError(
            f"--out: {path}: version: got {content.get('version')}, allowed: {VERSION}; a newer neat-deep wrote it?"
        )
    return content
