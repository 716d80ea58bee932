"""The command `neat-deep`, run in this process as from a command line."""

from __future__ import annotations

import sys

import pytest

from neat_deep.cli.main import main


def run_command(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """`neat-deep WORDS ...`; returns the exit code."""
    monkeypatch.setattr(sys, "argv", ["neat-deep", *map(str, words)])
    try:
        main()
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        return ended.code
    return 0
