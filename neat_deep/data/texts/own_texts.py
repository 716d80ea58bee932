"""A user's own texts: a folder of files that are tab-separated, comma-separated or JSON lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from neat_deep.base.errors import DataError
from neat_deep.data.settings import DataSettings
from neat_deep.data.texts.csv_rows import read_csv
from neat_deep.data.texts.json_lines import read_json_lines
from neat_deep.data.texts.rows import Columns, Row, check_classes, labelled, some_of
from neat_deep.data.texts.text_split import TextSource
from neat_deep.data.texts.tsv import read_tsv

READERS: dict[str, Callable[[Path, Columns], list[Row]]] = {
    ".tsv": read_tsv,
    ".csv": read_csv,
    ".jsonl": read_json_lines,
}
LAYOUT = (
    "<root>/train.tsv and <root>/test.tsv, and where you have one <root>/dev.tsv to validate on; or .csv, or .jsonl"
)


def read_own_texts(settings: DataSettings) -> TextSource:
    """The texts of `root/train.*`, `root/test.*` and, if it is there, `root/dev.*`, with any labels.

    The ending tells the format: .tsv, .csv, .jsonl. The columns, or keys, are those that `settings.text` names. Without
    a `dev` file the validation part is split from train. The classes are the labels of `train`. Raises `DataError`,
    naming file and line.
    """
    root = settings.folder
    if not root.is_dir():
        raise DataError(f"no folder {root}; a folder of texts is laid out as {LAYOUT}")
    columns = Columns(settings.text.column, settings.text.label_column)
    train, test, dev = (_file(root, part) for part in ("train", "test", "dev"))
    rows = READERS[train.suffix](train, columns)
    check_classes(train, rows, least=1 if dev.is_file() else 2)
    names = sorted({row.label for row in rows}, key=_numbers_first)
    allowed = f"those of {train}: {some_of(names)}"
    held_out = None
    if dev.is_file():
        held_out = labelled(dev, READERS[dev.suffix](dev, columns), names, allowed)
    return TextSource(
        class_names=tuple(names),
        train=labelled(train, rows, names, allowed),
        validation=held_out,
        test=labelled(test, READERS[test.suffix](test, columns), names, allowed),
    )


def _file(root: Path, part: str) -> Path:
    """The file of a part, in whatever format; if there is none, the path where a tab-separated one would be."""
    files = [path for suffix in READERS if (path := root / f"{part}{suffix}").is_file()]
    if len(files) > 1:
        names = " and ".join(path.name for path in files)
        raise DataError(f"{root}: got {names}, allowed: one file for each part")
    return files[0] if files else root / f"{part}.tsv"


def _numbers_first(name: str) -> tuple[int, int, str]:
    """Whole numbers by their value, then the other names by the alphabet."""
    return (0, int(name), name) if name.isdecimal() and len(name) < 19 else (1, 0, name)
