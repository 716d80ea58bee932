"""The scripts of `examples/`, run in this process as from a command line."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run_example(monkeypatch: pytest.MonkeyPatch, script: str, *options: object) -> None:
    """`python examples/SCRIPT OPTIONS ...`; raises `SystemExit` where that would end in an exit code."""
    monkeypatch.setattr(sys, "argv", [script, *map(str, options)])
    runpy.run_path(str(EXAMPLES / script), run_name="__main__")
