"""The benchmarks run and report plausible figures; no figure here depends on how fast the machine is."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent


def run_benchmark(name: str, *options: str) -> dict[str, Any]:
    """The JSON that `benchmarks/<name>.py` prints last, after a table for people."""
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--json", *options]
    environment = {"PYTHONPATH": str(ROOT), "PATH": str(Path(sys.executable).parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    *table, line = done.stdout.splitlines()
    assert len(table) > 4
    figures: dict[str, Any] = json.loads(line)
    assert figures["threads"] == 1
    assert figures["torch"] == torch.__version__
    return figures


def test_train_throughput() -> None:
    figures = run_benchmark("train_throughput", "--rounds", "1", "--steps", "1")
    rates = figures["images_per_second"]
    assert set(rates) == {"neat_deep", "textbook", "same_math"}
    assert all(rate > 0 for rate in rates.values())
    # of one round, so the medians are the figures themselves
    assert figures["ratio"] == pytest.approx(rates["neat_deep"] / rates["textbook"])
    assert figures["ratio_same_math"] == pytest.approx(rates["neat_deep"] / rates["same_math"])


def test_search_overhead() -> None:
    figures = run_benchmark("search_overhead", "--genomes", "4", "--epochs", "1", "--warmup", "0")
    parts = figures["parts"]
    wall = figures["generation_seconds"]
    assert figures["genomes"] == 4
    assert figures["trained"] + figures["reused"] + figures["failed"] == 4
    assert figures["trained"] > 0
    assert parts["training (fit)"] > 0
    assert parts["scoring (evaluate)"] > 0
    assert 0 <= figures["overhead_share"] <= 1
    assert figures["overhead_seconds_per_genome"] == pytest.approx(figures["overhead_share"] * wall / 4)
    background = parts.pop("progress bars, own thread", 0.0)
    assert sum(parts.values()) == pytest.approx(wall)  # every second of the generation has its part
    assert 0 <= background < wall


def test_supernet_step() -> None:
    figures = run_benchmark(
        "supernet_step", "--cells", "1", "--channels", "8", "--batch", "2", "--steps", "1", "--threads", "1",
        "--skip-compiled",
    )  # fmt: skip
    seconds, memory = figures["seconds"], figures["memory_mib"]
    assert set(seconds) == set(memory) == {"neat_deep", "second_order", "textbook"}
    assert all(value > 0 for value in [*seconds.values(), *memory.values()])
    assert figures["candidates"] == 23  # none, and 11 ops with 2 activations each
    # of one round, so the medians are the figures themselves
    assert figures["speedup_eager"] == pytest.approx(seconds["textbook"] / seconds["neat_deep"])
    assert figures["second_order_cost"] == pytest.approx(seconds["second_order"] / seconds["neat_deep"])
    assert figures["memory_ratio"] == pytest.approx(memory["neat_deep"] / memory["textbook"])
    assert figures["speedup_compiled"] is figures["memory_ratio_compiled"] is figures["compile_seconds"] is None


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--steps", "0", "got 0, allowed: 1 or more"),
        ("--cells", "0", "got 0, allowed: 1 or more"),
        ("--channels", "0", "got 0, allowed: 1 or more"),
        ("--batch", "1", "got 1, allowed: 2 or more"),
        ("--threads", "-1", "got -1, allowed: 1 or more"),
    ],
)
def test_supernet_step_names_a_bad_option(
    option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        runpy.run_path(str(ROOT / "benchmarks" / "supernet_step.py"))["main"]([option, value])
    assert f"argument {option}: {message}" in capsys.readouterr().err
