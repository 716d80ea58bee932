"""A process ends with the one that started it, even if that one is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import orphan

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_child_does_not_outlive_its_parent() -> None:
    command = [sys.executable, "-m", orphan.__name__]
    parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    started = time.monotonic()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert parent.stdout.read() == ""  # the child has the output too, so it ends when both are gone
    assert time.monotonic() - started < orphan.SECONDS / 2
    parent.stdout.close()
