"""Files of JSON lines: an object in each line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from neat_deep.base.errors import DataError
from neat_deep.data.texts.rows import OTHER_NAMES, Columns, Row, make_row, read_lines, shorten


def read_json_lines(path: Path, columns: Columns) -> list[Row]:
    """The rows of a file whose objects have the keys `columns`: a text, and as label a text or a whole number.

    Other keys are not read. Raises `DataError`, naming file and line.
    """
    rows = [_row(path, number, line, columns) for number, line in enumerate(read_lines(path), 1)]
    if not rows:
        raise DataError(f"{path}:1: the file is empty")
    return rows


def _row(path: Path, number: int, line: str, columns: Columns) -> Row:
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise DataError(f"{path}:{number}: got '{shorten(line)}', allowed: a JSON object in each line") from None
    if not isinstance(record, dict):
        raise DataError(f"{path}:{number}: got {_kind(record)}, allowed: a JSON object in each line")
    for name in columns:
        if name not in record:
            keys = ", ".join(map(shorten, record)) or "nothing"
            raise DataError(f"{path}:{number}: the key '{name}' is missing; the object has {keys}; {OTHER_NAMES}")
    text, label = record[columns.text], record[columns.label]
    if not isinstance(text, str):
        raise DataError(f"{path}:{number}: {columns.text}: got {_kind(text)}, allowed: a text")
    if not isinstance(label, str | int) or isinstance(label, bool):
        raise DataError(f"{path}:{number}: {columns.label}: got {_kind(label)}, allowed: a text or a whole number")
    for value in (text, str(label)):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise DataError(f"{path}:{number}: half of a character (a lone surrogate), allowed: whole ones") from None
    return make_row(path, number, text, str(label), columns)


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), f"the number {value}")
