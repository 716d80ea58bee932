"""Evaluations per second of many workers over those of one, with an evaluation that only sleeps.

    python benchmarks/parallel_scaling.py [--json] [--workers 8] [--tasks 160] [--seconds 0.25] [--only pool|ray]

What is left when an evaluation needs no core is the cost of handing tasks out and results back, which is what may not
grow with the workers. Contenders are the executors that a search uses (`neat_deep.scoring.executors`): a pool of
spawned processes, and Ray on this machine, where it is installed (`pip install 'neat-deep[ray]'`). Ray is set to as
many CPUs as there are workers, so that it runs as many tasks side by side: a task that sleeps takes none.
A round of one task a worker starts the processes and is not counted. One worker gets as many tasks for each worker as
many do, so both take about as long. Keys in JSON: `speedup_8` (Ray) and `speedup_8_pool`, by the number of workers;
`speedup_8` is None where Ray is not installed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from neat_deep.base.allocator import keep_freed_memory
from neat_deep.scoring.executors import Executor, RayWorkers, WorkerDied, WorkerPool
from sleeping import sleep
from turns import at_least

POOL, RAY = "pool", "ray"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and with `--json` one line of JSON."""
    options = _parse(arguments)
    contenders = [options.only] if options.only else [POOL, RAY] if _has_ray() else [POOL]
    rates = {
        name: {
            workers: measure(name, workers, options.tasks * workers // options.workers, options.seconds)
            for workers in (1, options.workers)
        }
        for name in contenders
    }
    speedups = {name: rate[options.workers] / rate[1] for name, rate in rates.items()}
    _show(rates, speedups, options)
    if options.json:
        figures = {
            f"speedup_{options.workers}": speedups.get(RAY),
            f"speedup_{options.workers}_pool": speedups.get(POOL),
            "evaluations_per_second": rates,
            "seconds": options.seconds,
            "tasks": options.tasks,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        }
        print(json.dumps(figures))


def measure(contender: str, workers: int, tasks: int, seconds: float) -> float:
    """Evaluations per second of `tasks` tasks. Raises `RuntimeError` when a worker dies."""
    with closing(_executor(contender, workers)) as executor:
        _run(executor, [seconds] * workers)
        started = time.perf_counter()
        _run(executor, [seconds] * tasks)
        return tasks / (time.perf_counter() - started)


def _executor(contender: str, workers: int) -> Executor[float, float]:
    if contender == POOL:
        return WorkerPool(sleep, workers, threads=1)
    import ray

    # Ray tells its workers the folder of a script, but not that of a module which a test imports.
    environment = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    executor = RayWorkers(sleep, threads=1)
    executor.close = ray.shutdown  # type: ignore[method-assign] # started here, so ended here
    return executor


def _run(executor: Executor[float, float], tasks: list[float]) -> None:
    for _, result in executor.run(tasks):
        if isinstance(result, WorkerDied):
            raise RuntimeError(result.reason)


def _has_ray() -> bool:
    try:
        import ray  # noqa: F401
    except ImportError:
        return False
    return True


def _show(rates: dict[str, dict[int, float]], speedups: dict[str, float], options: argparse.Namespace) -> None:
    table = Table(title=f"evaluations that sleep for {options.seconds:g} s")
    table.add_column("executor")
    for heading in ("1 worker, per second", f"{options.workers} workers, per second", "speedup"):
        table.add_column(heading, justify="right")
    for name, rate in rates.items():
        table.add_row(name, f"{rate[1]:.2f}", f"{rate[options.workers]:.2f}", f"{speedups[name]:.2f}x")
    Console().print(table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON, last")
    parser.add_argument("--workers", type=at_least(2), default=8, help="compared with one (default: %(default)s)")
    parser.add_argument("--tasks", type=at_least(2), default=160, help="of all workers (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=0.25, help="of each evaluation (default: %(default)s)")
    parser.add_argument("--only", choices=(POOL, RAY), help="one of the two; else both, Ray where it is installed")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    keep_freed_memory()  # as the scripts do
    main()
