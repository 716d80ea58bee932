"""The outcomes of a benchmark of many processes, kept in a file: one that was stopped goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, TypeVar

from neat_deep.base.errors import SearchError
from neat_deep.base.files import read_text, write_text

T = TypeVar("T")  # a frozen dataclass


class KeptOutcomes(Generic[T]):
    """The `outcomes` so far: those of an earlier process with the same `facts`, and what is added.

    Without a file nothing is kept. Raises `SearchError` for a file that was kept with other facts, or holds anything
    else.
    """

    def __init__(self, path: Path | None, kind: type[T], facts: Mapping[str, Any]) -> None:
        self._path = path
        self._facts = facts
        self.outcomes: list[T] = [] if path is None or not path.is_file() else self._read(path, kind)

    def has(self, **which: Any) -> bool:
        """Whether there is an outcome with these attributes."""
        return any(all(getattr(one, name) == value for name, value in which.items()) for one in self.outcomes)

    def add(self, outcome: T) -> None:
        """Keep one more."""
        self.outcomes.append(outcome)
        if self._path is not None:
            write_text(self._path, json.dumps({**self._facts, "rows": self.rows()}))

    def rows(self) -> list[dict[str, Any]]:
        """All of them, for JSON."""
        return [asdict(one) for one in self.outcomes]  # type: ignore[call-overload]

    def _read(self, path: Path, kind: type[T]) -> list[T]:
        text = read_text(path, "kept outcomes", SearchError)
        try:
            kept = json.loads(text)
            differ = {name: (kept[name], value) for name, value in self._facts.items() if kept[name] != value}
            outcomes = [kind(**row) for row in kept["rows"]]
        except (LookupError, TypeError, ValueError):
            raise SearchError(f"--keep: {path}: holds no outcomes of this benchmark") from None
        for name, (before, now) in differ.items():
            is_text = isinstance(before, str) and "\n" in before  # as a whole INI file is
            raise SearchError(f"--keep: {path}: {name}: kept with {'another' if is_text else f'{before}, got {now}'}")
        return outcomes
