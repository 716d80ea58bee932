"""A search that is stopped at a write into its store, as a kill would stop it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neat_deep.store.run_store import RunStore
from tests.support.stored_rows import rows


class StoppedError(BaseException):
    """The process is gone."""


def stop_at(monkeypatch: pytest.MonkeyPatch, count: int, *, committed: bool) -> None:
    """Stop at the `count`-th write into the store, after its commit or instead of it."""
    left = [count]

    def stopping(write: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any, **options: Any) -> None:
            left[0] -= 1
            if left[0] or committed:
                write(*arguments, **options)
            if not left[0]:
                raise StoppedError

        return call

    for name in ("record", "add_state", "add_generation", "keep_weights", "add_signals", "add_screening"):
        monkeypatch.setattr(RunStore, name, stopping(getattr(RunStore, name)))


def assert_ends_the_same(
    parts: Path, whole: Path, run: Callable[[Path, Any, bool], object], asked: Callable[[], Any]
) -> None:
    """A search in `parts` that stops at every few writes and is resumed leaves the rows that the one in `whole` left.

    `run` is called with the folder, a new experiment from `asked`, and whether to resume.
    """
    for step in range(1, 100):
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, 4 + (5 * step) % 8, committed=step % 2 == 0)
            try:
                run(parts, asked(), step > 1)
                break
            except StoppedError:
                continue
    assert 2 < step < 99
    assert rows(parts) == rows(whole)
