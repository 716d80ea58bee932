"""Tab-separated files with a header, in which quotes mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neat_deep.base.errors import DataError
from neat_deep.data.texts.rows import OTHER_NAMES, Columns, Row, check_columns, labelled, make_row, read_lines, shorten
from neat_deep.data.texts.text_split import LabelledTexts

PUBLISHED = Columns()  # as GLUE names them


def read_tsv(path: Path, columns: Columns = PUBLISHED) -> list[Row]:
    """The rows of a file whose header names `columns`; raises `DataError`, naming file and line."""
    lines = read_lines(path)
    first = next(lines, "")
    header = first.split("\t")
    if not set(columns) <= set(header):
        hint = "" if columns is PUBLISHED else f"; {OTHER_NAMES}"
        raise DataError(
            f"{path}:1: got '{shorten(first)}', allowed: the header '{columns.text}<TAB>{columns.label}'{hint}"
        )
    check_columns(path, header, columns)
    text, label = header.index(columns.text), header.index(columns.label)
    rows = []
    for number, line in enumerate(lines, 2):
        fields = line.split("\t")
        if len(fields) != len(header):
            got = f"{len(fields)} fields" if line.strip() else "an empty line"
            names = shorten(first) if len(header) > 2 else f"{columns.text}<TAB>{columns.label}"
            raise DataError(f"{path}:{number}: got {got}, allowed: {len(header)} fields, {names}")
        rows.append(make_row(path, number, fields[text], fields[label], columns))
    if not rows:
        raise DataError(f"{path}:2: the file holds no {columns.text}, only its header")
    return rows


def read_labelled(path: Path, names: Sequence[str], allowed: str) -> LabelledTexts:
    """The rows of a file, labelled by their place in `names`; raises `DataError` for another label."""
    return labelled(path, read_tsv(path), names, allowed)
