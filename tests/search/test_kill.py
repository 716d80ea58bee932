"""A search is killed, at random moments or at its writes, and resumed each time: it ends as if it never was."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neat_deep.base.errors import StoreError
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.registry import STRATEGIES
from tests.support import kill_driver, killed_search
from tests.support.every_search import outcome
from tests.support.stored_rows import rows

DRIVER = Path(kill_driver.__file__)


def start(folder: Path, workers: str) -> subprocess.Popen[bytes]:
    """The driver as the leader of a process group of its own."""
    environment = {**os.environ, "PYTHONPATH": str(DRIVER.parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(DRIVER), str(folder), workers]
    return subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)


def progress(folder: Path) -> int:
    """How many evaluations and generations the store holds; 0 where there is none yet."""
    try:
        with RunStore.read(folder) as store:
            return len(store.evaluations()) + len(store.generations())
    except StoreError:
        return 0


def kill_often(folder: Path, workers: str, kills: int, seed: int) -> int:
    """Run the search with up to `kills` kills, then to its end; returns how many there were."""
    draw, done = random.Random(seed), 0
    while done < kills:
        process = start(folder, workers)
        wanted = progress(folder) + draw.randint(1, 5)
        while process.poll() is None and progress(folder) < wanted:
            time.sleep(0.02)
        time.sleep(draw.random() * 0.2)  # inside a training, a commit, a reproduction
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        done += 1
    assert start(folder, workers).wait(timeout=1800) == 0
    return done


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    kill_driver.search(folder, "0")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_killed_twenty_times_a_run_ends_the_same(unbroken: Path, tmp_path: Path, workers: str) -> None:
    kills, number = 0, 0
    while kills < 20:
        number += 1
        folder = tmp_path / f"run{number}"
        kills += kill_often(folder, workers, kills=20 - kills, seed=number)
        assert rows(folder, ("settings",)) == rows(unbroken, ("settings",))


# --- by every strategy -----------------------------------------------------------------------------------------------


def kills_of(name: str, folder: Path, generations: int, seed: int | None) -> int:
    """Search, killed at writes that the seed decides, or never without one; returns how often it was killed.

    The unbroken search runs so too: sums are rounded by how many threads share them, and this process may have more.
    """
    script = Path(killed_search.__file__)
    environment = {**os.environ, "PYTHONPATH": str(script.parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), name, str(folder), str(generations), *([] if seed is None else [str(seed)])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def test_killed_at_two_writes_a_strategy_ends_the_same(tmp_path: Path) -> None:
    kills_of("regularized_evolution", tmp_path / "whole", 2, seed=None)
    assert kills_of("regularized_evolution", tmp_path / "parts", 2, seed=2) >= 2
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
def test_killed_at_any_write_every_strategy_ends_the_same(name: str, tmp_path: Path) -> None:
    if name == "optuna":
        pytest.importorskip("optuna")
    kills_of(name, tmp_path / "whole", 3, seed=None)
    for seed in (1, 2, 3):
        assert kills_of(name, tmp_path / str(seed), 3, seed) >= 2
        assert outcome(tmp_path / str(seed)) == outcome(tmp_path / "whole")
