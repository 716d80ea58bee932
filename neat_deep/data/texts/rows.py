"""Rows of texts and labels, wherever a file of them comes from: lines, classes, and what a message shows of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from neat_deep.base.errors import DataError
from neat_deep.data.texts.text_split import LabelledTexts

LINE_END = re.compile(r"\r*\n")


class Row(NamedTuple):
    """A text, its label as the file has it, and the line of the file where it begins."""

    line: int
    text: str
    label: str


class Columns(NamedTuple):
    """What the columns of texts and of labels are called."""

    text: str = "sentence"
    label: str = "label"


OTHER_NAMES = "[Data] text_column and text_label_column name others"  # what a header of one's own may have


def make_row(path: Path, line: int, text: str, label: str, columns: Columns) -> Row:
    """A row without blanks at its ends and with line feeds as line ends, so that every format holds the same data.

    Raises `DataError` if nothing is left of the text or of the label.
    """
    row = Row(line, *(LINE_END.sub("\n", value.strip()) for value in (text, label)))
    for value, name in ((row.text, columns.text), (row.label, columns.label)):
        if not value:
            raise DataError(f"{path}:{line}: the {name} is empty")
    return row


def check_columns(path: Path, header: Sequence[str], columns: Columns) -> None:
    """Raise `DataError` if a header names one of `columns` twice, or both are the same."""
    for name in columns:
        if header.count(name) > 1:
            raise DataError(f"{path}:1: the column '{name}' stands there {header.count(name)} times, allowed: once")


def labelled(path: Path, rows: Sequence[Row], names: Sequence[str], allowed: str) -> LabelledTexts:
    """Rows as texts with the labels' places in `names`; raises `DataError` for another label."""
    numbers = {name: number for number, name in enumerate(names)}
    for row in rows:
        if row.label not in numbers:
            raise DataError(f"{path}:{row.line}: label: got '{shorten(row.label)}', allowed: {allowed}")
    return LabelledTexts(
        tuple(row.text for row in rows),
        torch.tensor([numbers[row.label] for row in rows]),
        tuple(f"{path}:{row.line}" for row in rows),
    )


def check_classes(path: Path, rows: Sequence[Row], least: int) -> None:
    """Raise `DataError` unless rows have two classes with `least` texts each."""
    lines = {row.label: row.line for row in reversed(rows)}  # where each stands first
    if len(lines) < 2:
        raise DataError(
            f"{path}:{rows[0].line}: classes: got '{shorten(rows[0].label)}' in this line and in all that follow,"
            " allowed: 2 or more"
        )
    counts = Counter(row.label for row in rows)
    for name, count in counts.items():
        if count < least:
            texts_rather = len(counts) > len(rows) / 2
            hint = "; are these labels? [Data] text_label_column names their column, or key" if texts_rather else ""
            raise DataError(
                f"{path}:{lines[name]}: sentences of class '{shorten(name)}': got {count}, allowed: {least} or"
                f" more (one to train on, one to validate on){hint}"
            )


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


def shorten(text: str) -> str:
    """A text for a message: its first 40 characters, tabs made visible."""
    visible = text.replace("\t", "<TAB>")
    return visible if len(visible) <= 40 else f"{visible[:40]}..."


def some_of(names: Sequence[str]) -> str:
    """Names for a message: the first ten, shortened, and how many more there are."""
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(map(shorten, names[:10])) + more
