"""Where the traces of a run's searches are: in the run's folder, or, of several, each in a folder of its own there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from darts.run_files import SCORE, SEARCHES
from neat_deep.base.errors import SearchError
from neat_deep.base.files import read_text, write_text

HISTORY = "history.json"


def folder_of(run: Path, number: int) -> Path:
    """The folder of the `number`-th of several searches (from 1)."""
    return run / SEARCHES / str(number)


def shown_folder(run: Path) -> Path:
    """The folder whose search tells what the run did: of several the best, or that in progress if none is scored."""
    if not (run / SEARCHES).is_dir():
        return run
    begun = [folder for folder in search_folders(run) if (folder / HISTORY).is_file()]
    scored = [(score, folder) for folder in begun if (score := read_score(folder)) is not None]
    if scored:
        # Of equals the first, as where the winner is chosen.
        return max(scored, key=lambda pair: -1.0 if pair[0].accuracy is None else pair[0].accuracy)[1]
    return begun[-1] if begun else run


@dataclass(frozen=True)
class CellScore:
    """What the cell of one of several searches reached on validation (0..1), and the seconds of the training for it.

    `accuracy` is None for a cell that could not be trained.
    """

    accuracy: float | None
    seconds: float


def read_score(folder: Path) -> CellScore | None:
    """The score of a search's cell, None before it is known; raises `SearchError` for a file that holds none."""
    path = folder / SCORE
    if not path.is_file():
        return None
    try:
        score = json.loads(read_text(path, "score of a search", SearchError))
        accuracy = score["accuracy"]
        return CellScore(None if accuracy is None else float(accuracy), float(score["seconds"]))
    except (ValueError, TypeError, KeyError) as error:
        raise SearchError(f"{path}: not the score of a search: {error}") from None


def write_score(folder: Path, score: CellScore) -> None:
    """Keep the score of a search's cell; raises `OutputError`."""
    write_text(folder / SCORE, json.dumps(asdict(score)) + "\n")


def search_folders(run: Path) -> list[Path]:
    """The folders of all searches of a run, in order: the run's own, where it makes one."""
    if not (run / SEARCHES).is_dir():
        return [run]
    named = [folder for folder in (run / SEARCHES).iterdir() if folder.is_dir() and folder.name.isdecimal()]
    return sorted(named, key=lambda folder: int(folder.name))
