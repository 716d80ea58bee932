"""The benchmark of the asynchronous mode runs, and says that it takes less time than generations do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "asynchronous.py"


@pytest.mark.slow
def test_no_worker_waits() -> None:
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1]), "OMP_NUM_THREADS": "1"}
    words = ["--json", "--rounds", "1", "--evaluations", "24", "--workers", "3", "--seconds", "0.3"]
    done = subprocess.run(
        [sys.executable, SCRIPT, *words], env=environment, capture_output=True, text=True, timeout=1800, check=True
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["least_seconds"] < figures["asynchronous_seconds"] < figures["generations_seconds"]
    assert 0.3 < figures["ratio"] < 1
