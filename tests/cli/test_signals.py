"""A search that a signal ends: one line, no scored network lost, and a resume that goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from neat_deep.base.errors import StoreError
from neat_deep.scoring.records import EvaluationRecord
from neat_deep.store.run_store import RunStore

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "from neat_deep.cli.main import main; main()"
INI = """
[Data]
dataset = digits
[Network]
channels = 8
cells = 2
[Training]
epochs = 1
[Fitness]
train_subset = 100
epochs = 1
inherit = True
[Run]
generations = 3
device = cpu
workers = 2
out = run
[Search]
strategy = regularized_evolution
generation_size = 4
asynchronous = True
[RegularizedEvolution]
population = 6
tournament = 3
[SearchSpace]
op_options = identity sep_conv_1 sep_conv_3 max_pool_3 none
nodes = 4
"""
SIGNALS = ((signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGTERM, True))
SAYS = {signal.SIGINT: (130, "interrupted\n"), signal.SIGTERM: (143, "terminated\n")}


def evaluations(folder: Path) -> list[EvaluationRecord]:
    try:
        with RunStore.read(folder) as store:
            return store.evaluations()
    except StoreError:  # it has hardly begun
        return []


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """The command as the leader of a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-u", "-c", COMMAND, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )


@pytest.mark.slow
def test_an_asynchronous_search_that_signals_end_goes_on_each_time(tmp_path: Path) -> None:
    (tmp_path / "d.ini").write_text(INI)
    run, words, known = tmp_path / "run", ["search", "d.ini"], 0
    for number, to_all in SIGNALS:
        process = start(tmp_path, *words)
        deadline = time.monotonic() + 300
        while process.poll() is None and len(evaluations(run)) <= known and time.monotonic() < deadline:
            time.sleep(0.02)
        (os.killpg if to_all else os.kill)(process.pid, number)
        out, err = process.communicate(timeout=120)  # once its workers are gone too: they hold the pipes
        assert (process.returncode, err) == SAYS[number]
        before = evaluations(run)
        assert len(before) >= max(known, out.count(": scored "))  # a resume shows those of its batch again
        words, known = ["resume", "run"], len(before)
    assert 4 <= known < 12
    process = start(tmp_path, *words)
    _, err = process.communicate(timeout=1800)
    assert (process.returncode, err) == (0, "")
    after = evaluations(run)
    assert [record for record in after if record in before] == before  # what was scored stays, and is not scored again
    with RunStore.read(run) as store:
        candidates = store.candidates()
    assert sorted(record.candidate for record in candidates) == list(range(12))
    assert len(after) == len({record.key for record in after}) == 12
