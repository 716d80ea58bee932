"""A search that is stopped at a write into its store, as a kill would stop it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from neat_deep.store.run_store import RunStore


class StoppedError(BaseException):
    """The process is gone."""


def stop_at(monkeypatch: pytest.MonkeyPatch, count: int, *, committed: bool) -> None:
    """Stop at the `count`-th write into the store, after its commit or instead of it."""
    left = [count]

    def stopping(write: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            left[0] -= 1
            if left[0] or committed:
                write(*arguments)
            if not left[0]:
                raise StoppedError

        return call

    for name in ("record", "add_state", "add_generation", "keep_weights"):
        monkeypatch.setattr(RunStore, name, stopping(getattr(RunStore, name)))
