"""Comma-separated files with a header, as spreadsheets and pandas write them (RFC 4180)."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from neat_deep.base.errors import DataError
from neat_deep.data.texts.rows import OTHER_NAMES, Columns, Row, check_columns, make_row, read_lines, shorten


class Reader(Protocol):
    """What `csv.reader` returns, whose class has no public name."""

    @property
    def line_num(self) -> int: ...

    def __next__(self) -> list[str]: ...

    def __iter__(self) -> Reader: ...


def read_csv(path: Path, columns: Columns) -> list[Row]:
    """The rows of a file whose header names `columns`; a field in quotes may hold commas, quotes and line ends.

    Empty lines are passed over, as pandas does. Raises `DataError`, naming file and line.
    """
    reader = csv.reader((f"{line}\n" for line in read_lines(path)), strict=True)
    rows: list[Row] = []
    header: list[str] | None = None
    with _fields_of_any_length():
        for line, fields in _records(path, reader):
            if header is None:
                if not fields:
                    continue
                header = [name.strip() for name in fields]
                if not set(columns) <= set(header):
                    got = shorten(",".join(header))
                    raise DataError(
                        f"{path}:{line}: got '{got}', allowed: a header that names '{columns.text}' and"
                        f" '{columns.label}'; {OTHER_NAMES}"
                    )
                check_columns(path, header, columns)
                text, label = header.index(columns.text), header.index(columns.label)
            elif fields:
                if len(fields) != len(header):
                    raise DataError(
                        f"{path}:{line}: got {len(fields)} fields, allowed: {len(header)}, as in the header"
                    )
                rows.append(make_row(path, line, fields[text], fields[label], columns))
    if header is None:
        raise DataError(
            f"{path}:1: got '', allowed: a header that names '{columns.text}' and '{columns.label}'; {OTHER_NAMES}"
        )
    if not rows:
        raise DataError(f"{path}:2: the file holds no {columns.text}, only its header")
    return rows


def _records(path: Path, reader: Reader) -> Iterator[tuple[int, list[str]]]:
    """The records of a file, each with the line where it begins."""
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            if "new-line" in str(error):
                raise DataError(f"{path}:{line}: carriage returns as line ends; allowed: line feeds") from None
            if "NUL" in str(error):  # Python 3.10's csv reads none
                raise DataError(f"{path}:{line}: a null character; allowed here: none (from Python 3.11 on)") from None
            reason = "a quote that does not close" if "end of data" in str(error) else str(error)
            raise DataError(f"{path}:{line}: {reason}; allowed: quotes around a whole field, doubled within") from None
        if fields is None:
            return
        yield line, fields


@contextmanager
def _fields_of_any_length() -> Iterator[None]:
    """Within the block a field may be longer than the 131,072 characters that the module allows otherwise."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)
