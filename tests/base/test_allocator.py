"""What the C allocator is told, and by whom."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from neat_deep.base.allocator import keep_freed_memory

# Which C libraries a program opens once everything is imported: the allocator's is the program's own, None.
LISTEN = """
import ctypes, torch
import neat_deep
from neat_deep import Architecture, CellGraph, CellNode, Edge, Skeleton, TrainingSettings
from neat_deep.cli.running import run_script
from tests.support import toy_data, worker_tasks
opened, real = [], ctypes.CDLL
def listen(name, *rest, **named):
    opened.append(name)
    return real(name, *rest, **named)
ctypes.CDLL = listen
"""
USE = """
data, cpu = toy_data.dataset(), torch.device("cpu")
cell = CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),)),))
trained = neat_deep.retrain(Architecture(cell, Skeleton(channels=4, cells=1)), data, TrainingSettings(epochs=1),
                            device=cpu, seed=0)
neat_deep.evaluate(trained.network, data.validation, device=cpu)
trained.save(path := sys.argv[1])
neat_deep.load_image_classifier(path)
"""


def told_allocator(code: str, *arguments: str) -> bool:
    """Whether a program tells the C allocator anything."""
    program = f"import sys{LISTEN}{code}\nprint(None in opened)"
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1] == "True"


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")


@linux
def test_glibc_takes_the_advice_to_keep_memory() -> None:
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")


@linux
def test_training_scoring_and_classifying_leave_the_allocator_of_their_program_alone(tmp_path: Path) -> None:
    assert not told_allocator(USE, str(tmp_path / "trained.pt"))


@linux
def test_a_script_tells_the_allocator() -> None:
    assert told_allocator("run_script(lambda _: None)")


@linux
@pytest.mark.slow
@pytest.mark.parametrize("asked", [False, True])
def test_workers_do_as_the_process_that_starts_them(asked: bool) -> None:
    code = f"""
from neat_deep.base.allocator import keep_freed_memory
from neat_deep.scoring.executors import WorkerPool
{"keep_freed_memory()" if asked else ""}
pool = WorkerPool(worker_tasks.keeps_memory, 1, 1)
(_, kept), = pool.run([1])
pool.close()
opened[:] = [None] if kept else []
"""
    assert told_allocator(code) == asked
