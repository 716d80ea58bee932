"""Contenders at equal seconds of one core: each in a process whose clocks count the seconds of its processor.

What else runs on the machine changes nothing then, and a promise of minutes holds in seconds of the processor.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neat_deep.base.errors import SearchError


def count_processor_seconds() -> None:
    """Let this process's clocks count the seconds of its processor, all threads together, from now on."""
    began, used = time.time(), time.process_time()

    def now() -> float:
        return began + time.process_time() - used

    time.time = time.monotonic = time.perf_counter = now  # type: ignore[assignment]


def run_apart(script: Path | str, options: Sequence[str], what: str) -> dict[str, Any]:
    """The JSON object that a script prints last, run in a process of its own; raises `SearchError` where it fails."""
    command = [sys.executable, str(Path(script).resolve()), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SearchError(f"{what}: {done.stderr.strip()[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures
