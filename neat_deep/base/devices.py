"""What torch computes on: devices, and threads of the CPU."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from neat_deep.base.errors import DeviceError


def get_device(name: str) -> torch.device:
    """The torch device called `name` (`auto`: the accelerator if there is one); raises `DeviceError`."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        # Other kinds cannot do all that we need, such as float64 on Apple's.
        usable = device.type in ("cpu", "cuda") and torch.ones(1, device=device).item() == 1
    except (RuntimeError, AssertionError, ImportError):  # what torch raises for a device that is not there
        usable = False
    if not usable:
        accelerators = [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
        raise DeviceError(f"device '{name}' cannot be used here; allowed: {', '.join(['auto', 'cpu', *accelerators])}")
    return device


def set_threads(count: int) -> None:
    """Let torch compute with `count` threads on the CPU; 0 leaves its own choice. Another count rounds differently."""
    if count:
        torch.set_num_threads(count)


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def computing_with(threads: int) -> Iterator[None]:
    """Within the block torch computes with so many threads on the CPU; 0 leaves their number as it is."""
    before = torch.get_num_threads()
    if threads and threads != before:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def pin_threads(threads: int) -> None:
    """Compute with so many threads: another number changes the order of sums, and so the results."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
