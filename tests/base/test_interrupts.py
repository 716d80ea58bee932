"""Ctrl-C while a process starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import multiprocessing, os, signal
from neat_deep.base.interrupts import starting_deaf_to_interrupts


def answer():
    print("the child lives", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = multiprocessing.get_context("spawn").Process(target=answer)
    try:
        with starting_deaf_to_interrupts():
            process.start()
            os.kill(os.getpid(), signal.SIGINT)
            print("the parent waits", flush=True)
    except KeyboardInterrupt:
        print("the parent answers", flush=True)
    process.join()
else:
    os.kill(os.getpid(), signal.SIGINT)  # a terminal's, before any function of the child runs
"""


def test_a_starting_process_does_not_answer_ctrl_c_and_its_parent_answers_later(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT)},
        timeout=300,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["the parent waits", "the parent answers", "the child lives"]
