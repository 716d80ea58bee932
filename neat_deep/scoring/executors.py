"""Where evaluations run: in this process, in a pool of processes, or on Ray; the results are the same.

All three take tasks as they have room and give results as they end. What they run must be importable by its module's
name in another process, as every spawned process of Python asks.
"""

from __future__ import annotations

import functools
import multiprocessing
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, Protocol, TypeVar, cast

import torch

from neat_deep.base.allocator import keep_freed_memory, keeps_freed_memory
from neat_deep.base.devices import pin_threads
from neat_deep.base.errors import ConfigError
from neat_deep.base.interrupts import starting_deaf_to_interrupts
from neat_deep.base.orphans import end_with_parent
from neat_deep.base.plugins import load_installed_plugins, load_plugins, loaded_plugins
from neat_deep.base.randomness import preserved
from neat_deep.base.registry import Registry
from neat_deep.ops.registry import ACTIVATIONS, OPS
from neat_deep.scoring.main_program import main_obstacle
from neat_deep.scoring.metrics import METRICS
from neat_deep.space.aggregations import AGGREGATIONS

Task = TypeVar("Task")
Result = TypeVar("Result")
TaskIn = TypeVar("TaskIn")
ResultOut = TypeVar("ResultOut", covariant=True)

ATTEMPTS = 2  # a worker that dies may have met a passing lack of memory
DYING_SECONDS = 30.0  # a process that ends itself takes a while, and its exit code is then known: it says why
AUTO = "auto"
RAY = "ray"

# What a user may have registered that a worker needs; data sets are read before any worker starts.
SENT: tuple[Registry[Any], ...] = (OPS, ACTIVATIONS, AGGREGATIONS, METRICS)


@dataclass(frozen=True)
class WorkerDied:
    """In place of a result: every process that was given the task died."""

    reason: str


@dataclass(frozen=True)
class _Failed:
    """What a worker answers that could not do its task; it lives on."""

    reason: str


class Executor(Protocol[TaskIn, ResultOut]):
    """What runs tasks."""

    def run(self, tasks: Iterable[TaskIn]) -> Iterator[tuple[TaskIn, ResultOut | WorkerDied]]:
        """Each task with its result, in the order in which they end; tasks are taken as there is room.

        An iterator that has none now is asked again after the next result: it may have one then.
        """
        ...

    def close(self) -> None:
        """End the processes."""
        ...


def check_workers(workers: str) -> None:
    """Raise `ConfigError` when evaluations cannot run there: Ray is missing, or an op cannot be sent."""
    if workers == RAY:
        _import_ray()
    if workers in ("0", "1"):
        return
    _check_registered()
    needed = ((f"the {registry.kind} '{info.name}'", info.code) for registry in SENT for info in registry.values())
    obstacle = None if workers == RAY else main_obstacle(needed)  # Ray sends by value what the program defines
    if obstacle is not None:
        raise ConfigError(f"[Run] workers: {obstacle}")


class InProcess(Generic[Task, Result]):
    """Runs tasks here, one after the other."""

    def __init__(self, function: Callable[[Task], Result]) -> None:
        self._function = function

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Result | WorkerDied]]:
        """Each task with its result, in order."""
        for task in tasks:
            yield task, self._function(task)

    def close(self) -> None:
        """Nothing to end."""


class WorkerPool(Generic[Task, Result]):
    """Runs tasks in spawned processes, which start with the first task and live until `close`.

    A process that dies is replaced and its task tried once more. Every process computes with `threads` threads. On a
    machine with several GPUs the processes take turns at them.
    """

    def __init__(self, function: Callable[[Task], Result], workers: int, threads: int) -> None:
        self._payload = _pack(function)
        self._threads = threads
        self._workers: list[_Worker | None] = [None] * workers

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Result | WorkerDied]]:
        """Each task with its result, as they end."""
        waiting, retries = iter(tasks), deque[tuple[Task, int]]()
        busy: dict[Any, tuple[int, Task, int]] = {}  # by connection: the worker's number, its task, the attempt
        try:
            while True:
                occupied = {number for number, _, _ in busy.values()}
                for number in range(len(self._workers)):
                    if number not in occupied:
                        task, attempt = retries.popleft() if retries else (next(waiting, None), 1)
                        if task is None:
                            break
                        busy[self._send(number, task)] = number, task, attempt
                if not busy:
                    return
                for connection in cast("list[Connection]", wait(list(busy))):
                    number, task, attempt = busy.pop(connection)
                    try:
                        result: Result | _Failed = connection.recv()
                    except (EOFError, OSError):
                        reason = self._bury(number, DYING_SECONDS)
                        if attempt < ATTEMPTS:
                            retries.append((task, attempt + 1))
                        else:
                            yield task, WorkerDied(f"{reason}, {ATTEMPTS} times")
                    else:
                        yield task, WorkerDied(result.reason) if isinstance(result, _Failed) else result
        finally:  # when the caller stops asking, the running tasks are of no use
            for number, _, _ in busy.values():
                self._bury(number)

    def close(self) -> None:
        """End the processes."""
        for number in range(len(self._workers)):
            self._bury(number)

    def _send(self, number: int, task: Task) -> Connection:
        """Give a task to a worker that is free; one that died meanwhile is replaced."""
        worker = self._workers[number]
        if worker is None or not worker.process.is_alive():
            self._bury(number)
            worker = self._workers[number] = _Worker.start(self._payload, number, self._threads)
        with suppress(OSError):  # it died just now: reading from it will tell
            worker.connection.send(task)
        return worker.connection

    def _bury(self, number: int, patience: float = 0.5) -> str:
        """End a worker and say how it ended; one that is dying has so many seconds until it is killed."""
        worker, self._workers[number] = self._workers[number], None
        if worker is None:
            return ""
        worker.connection.close()
        worker.process.join(patience)
        worker.process.kill()
        worker.process.join()
        code = worker.process.exitcode or 0
        return f"its worker was killed by signal {-code}" if code < 0 else f"its worker ended with exit code {code}"


class RayWorkers(Generic[Task, Result]):
    """Runs tasks on Ray: on this machine (`address` 'local'), or on the cluster at `address`.

    Each task takes `threads` CPUs and the share `gpus` of a GPU. Ray replaces a worker that dies, and its task is tried
    once more; Ray's own retries are off, since they have no end for tasks that its memory monitor kills. As many tasks
    again wait with Ray, so that no worker waits for one to be sent, unless `ahead` is False: for a search that decides
    by the newest result what is next. Raises `ConfigError` where Ray is not installed.
    """

    def __init__(
        self,
        function: Callable[[Task], Result],
        threads: int,
        *,
        address: str = "local",
        gpus: float = 0.0,
        ahead: bool = True,
    ) -> None:
        ray = self._ray = _import_ray()
        self._started = not ray.is_initialized()
        if self._started:
            with preserved():  # Ray draws names and ports from the generators that evolution draws from
                _join(ray, address)
        # By value what the script itself defines: Ray's workers do not import it, as spawned processes do.
        self._payload = ray.put(_pack(function, ray.cloudpickle.dumps))
        self._task = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=0)(_run_on_ray)
        self._threads = threads
        self._gpus = gpus
        self._ahead = ahead

    def _places(self) -> int:
        """How many tasks run at once on the cluster as it is now."""
        resources = self._ray.cluster_resources()
        places = int(resources.get("CPU", 1)) // max(1, self._threads)
        if self._gpus:
            places = min(places, int(resources.get("GPU", 0) / self._gpus))
        return max(1, places)

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Result | WorkerDied]]:
        """Each task with its result, as they end."""
        ray, waiting = self._ray, iter(tasks)
        room = self._places() * (2 if self._ahead else 1)
        running: dict[Any, tuple[Task, int]] = {}  # with the number of the attempt
        try:
            while True:
                while len(running) < room:
                    task = next(waiting, None)
                    if task is None:
                        break
                    running[self._submit(task)] = task, 1
                if not running:
                    return
                with preserved():
                    (done, *_), _ = ray.wait(list(running), num_returns=1)
                task, attempt = running.pop(done)
                try:
                    with preserved():
                        result: Result | WorkerDied = ray.get(done)
                except ray.exceptions.RayTaskError as error:  # it did not die: the task cannot be run there
                    result = WorkerDied(f"Ray: {' '.join(str(error.cause or error).split()):.300}")
                except ray.exceptions.RayError as error:
                    if attempt < ATTEMPTS:
                        running[self._submit(task)] = task, attempt + 1
                        continue
                    result = WorkerDied(f"Ray: {type(error).__name__}, {ATTEMPTS} times")
                yield task, result
        finally:
            for reference in running:
                ray.cancel(reference, force=True)

    def _submit(self, task: Task) -> Any:
        with preserved():
            return self._task.remote(self._payload, task, self._threads, keeps_freed_memory())

    def close(self) -> None:
        """Leave the cluster, if this joined it; a local one ends."""
        if self._started:
            self._ray.shutdown()


def _join(ray: Any, address: str) -> None:
    """Join the cluster at an address, or start one on this machine; raises `ConfigError` where that cannot be."""
    try:
        ray.init(address=address, log_to_driver=False)
    except (ConnectionError, ValueError) as error:
        reason = f"{' '.join(str(error).split()):.300}"
        raise ConfigError(f"[Run] ray_address: got {address}: {reason}") from None


@dataclass(frozen=True)
class _Worker:
    process: BaseProcess
    connection: Connection

    @classmethod
    def start(cls, payload: bytes, number: int, threads: int) -> _Worker:
        context = multiprocessing.get_context("spawn")  # forking a process that has used torch's threads may hang
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_serve, args=(theirs, payload, number, threads, keeps_freed_memory()), daemon=True
        )
        with starting_deaf_to_interrupts():
            process.start()
        theirs.close()
        return cls(process, ours)


def _serve(connection: Connection, payload: bytes, number: int, threads: int, keep_memory: bool) -> None:
    """A worker's life: tasks in, results out, until the other end is closed or its process is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the search answers Ctrl-C, and closes the connection
    end_with_parent()
    _set_up(threads, keep_memory)
    try:
        function = _unpack(payload)
        _take_gpu(function, number)
    except Exception as error:  # noqa: BLE001 - a user's module may raise anything when it is imported
        function = functools.partial(_fail, f"its worker cannot import what it needs: {type(error).__name__}: {error}")
    with suppress(EOFError, OSError):
        while True:
            task = connection.recv()
            try:
                result = function(task)
            except Exception as error:  # noqa: BLE001 - it costs this task only
                result = _Failed(f"its worker raised {type(error).__name__}: {error}")
            connection.send(result)


def _take_gpu(function: object, number: int) -> None:
    """Let a function that computes on `cuda`, whichever that is, do so on this worker's GPU; no other touches one."""
    device = getattr(function, "device", None)
    if isinstance(device, torch.device) and device.type == "cuda" and device.index is None:
        torch.cuda.set_device(number % torch.cuda.device_count())


def _fail(reason: str, _: object) -> _Failed:
    return _Failed(reason)


def _run_on_ray(payload: bytes, task: Any, threads: int, keep_memory: bool) -> Any:
    _set_up(threads, keep_memory)
    return _unpack_once(payload)(task)


def _set_up(threads: int, keep_memory: bool) -> None:
    pin_threads(threads)
    if keep_memory:
        keep_freed_memory()


def _import_ray() -> Any:
    try:
        import ray
    except ImportError:
        raise ConfigError(
            "[Run] workers: got 'ray', which is not installed; allowed: a number, or pip install 'neat-deep[ray]'"
        ) from None
    return ray


def _check_registered() -> None:
    for registry in SENT:
        for info in registry.values():
            try:
                pickle.dumps(info.code)
            except (pickle.PicklingError, AttributeError, TypeError):
                raise ConfigError(
                    f"[Run] workers: the {registry.kind} '{info.name}' is made inside a function, where other processes"
                    f" cannot import it; allowed: one at the top level of a module, or workers = 0"
                ) from None


def _pack(function: Callable[[Any], Any], dumps: Callable[[Any], bytes] = pickle.dumps) -> bytes:
    """A function, the plugins and all that is registered, for processes that have imported none; raises `ConfigError`.

    In two layers: what the inner one names may stand in a plugin, which the receiver has to import first.
    """
    _check_registered()
    inner = dumps(([registry.values() for registry in SENT], function))
    return pickle.dumps((loaded_plugins(), inner))


def _unpack(payload: bytes) -> Callable[[Any], Any]:
    plugins, inner = pickle.loads(payload)  # noqa: S301 - from our own parent process, never from a file
    load_installed_plugins(quiet=True)  # the process that sent this has said what is wrong with them
    load_plugins(plugins)
    registered, function = pickle.loads(inner)  # noqa: S301 - as above
    for registry, infos in zip(SENT, registered, strict=True):
        for info in infos:
            registry.adopt(info)
    return function  # type: ignore[no-any-return]


_unpack_once = functools.lru_cache(maxsize=1)(_unpack)
