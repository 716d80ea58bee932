"""A user's own texts: tab-separated files with a header."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from neat_deep.base.errors import DataError
from neat_deep.data.settings import DataSettings
from neat_deep.data.texts.text_split import LabelledTexts, TextSource

HEADER = "sentence\tlabel"
LAYOUT = "<root>/train.tsv and <root>/test.tsv, and where you have one <root>/dev.tsv to validate on"


def read_tsv_folder(settings: DataSettings) -> TextSource:
    """The texts of `root/train.tsv`, `root/test.tsv` and, if it is there, `root/dev.tsv`, with any labels.

    Each file starts with the line `sentence<TAB>label`. Without a `dev.tsv` the validation part is split from
    train. The classes are the labels of `train.tsv`. Raises `DataError`, naming file and line.
    """
    root = settings.folder
    if not root.is_dir():
        raise DataError(f"no folder {root}; a folder of texts is laid out as {LAYOUT}")
    train = root / "train.tsv"
    rows = read_rows(train)
    counts = Counter(label for _, label in rows)
    has_validation = (root / "dev.tsv").is_file()
    check_classes(train, rows, least=1 if has_validation else 2)
    names = sorted(counts, key=_numbers_first)
    allowed = f"those of {train}: {some_of(names)}"
    return TextSource(
        class_names=tuple(names),
        train=labelled(train, rows, names, allowed),
        validation=read_labelled(root / "dev.tsv", names, allowed) if has_validation else None,
        test=read_labelled(root / "test.tsv", names, allowed),
    )


def read_labelled(path: Path, names: Sequence[str], allowed: str) -> LabelledTexts:
    """The rows of a file, labelled by their place in `names`; raises `DataError` for another label."""
    return labelled(path, read_rows(path), names, allowed)


def labelled(path: Path, rows: Sequence[tuple[str, str]], names: Sequence[str], allowed: str) -> LabelledTexts:
    """Rows of (sentence, label) as texts with the labels' places in `names`; the first row is the file's line 2."""
    numbers = {name: number for number, name in enumerate(names)}
    for line, (_, label) in enumerate(rows, 2):
        if label not in numbers:
            raise DataError(f"{path}:{line}: label: got '{shorten(label)}', allowed: {allowed}")
    return LabelledTexts(
        tuple(sentence for sentence, _ in rows),
        torch.tensor([numbers[label] for _, label in rows]),
        tuple(f"{path}:{line}" for line in range(2, len(rows) + 2)),
    )


def read_rows(path: Path) -> list[tuple[str, str]]:
    """The (sentence, label) rows of a file; raises `DataError`, naming file and line."""
    lines = read_lines(path)
    header = next(lines, "")
    if header != HEADER:
        raise DataError(f"{path}:1: got '{shorten(header)}', allowed: the header 'sentence<TAB>label'")
    rows = []
    for number, line in enumerate(lines, 2):
        fields = line.split("\t")
        if len(fields) != 2:
            got = f"{len(fields)} fields" if line.strip() else "an empty line"
            raise DataError(f"{path}:{number}: got {got}, allowed: 2 fields, sentence<TAB>label")
        sentence, label = fields[0].strip(), fields[1].strip()
        if not sentence:
            raise DataError(f"{path}:{number}: the sentence is empty")
        if not label:
            raise DataError(f"{path}:{number}: the label is empty")
        rows.append((sentence, label))
    if not rows:
        raise DataError(f"{path}:2: the file holds no sentence, only its header")
    return rows


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file without their ends; raises `DataError`, naming file and line."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1]:  # the file ends in a line's end, as it should
        lines.pop()
    for number, line in enumerate(lines, 1):
        try:
            yield line.removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            raise DataError(f"{path}:{number}: not UTF-8 text (byte {error.start} of the line)") from None


def check_classes(path: Path, rows: Sequence[tuple[str, str]], least: int) -> None:
    """Raise `DataError` unless rows of (sentence, label) have two classes with `least` sentences each."""
    lines = {label: number for number, (_, label) in reversed(list(enumerate(rows, 2)))}  # where each stands first
    if len(lines) < 2:
        raise DataError(
            f"{path}:2: classes: got '{shorten(rows[0][1])}' in this line and in all that follow, allowed: 2 or more"
        )
    counts = Counter(label for _, label in rows)
    for name, count in counts.items():
        if count < least:
            hint = "; a line is sentence<TAB>label, in this order" if len(counts) > len(rows) / 2 else ""
            raise DataError(
                f"{path}:{lines[name]}: sentences of class '{shorten(name)}': got {count}, allowed: {least} or"
                f" more (one to train on, one to validate on){hint}"
            )


def shorten(text: str) -> str:
    """A text for a message: its first 40 characters, tabs made visible."""
    visible = text.replace("\t", "<TAB>")
    return visible if len(visible) <= 40 else f"{visible[:40]}..."


def some_of(names: Sequence[str]) -> str:
    """Names for a message: the first ten, shortened, and how many more there are."""
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(map(shorten, names[:10])) + more


def _numbers_first(name: str) -> tuple[int, int, str]:
    """Whole numbers by their value, then the other names by the alphabet."""
    return (0, int(name), name) if name.isdecimal() and len(name) < 19 else (1, 0, name)
