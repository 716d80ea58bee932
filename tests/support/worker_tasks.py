"""What the tests let workers do; a file of its own, since every worker imports it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from neat_deep.base.allocator import keeps_freed_memory


def double(task: int) -> tuple[int, int, int]:
    """Twice the task, the process and its threads; 13 kills the process."""
    if task == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01 if task > 100 else 0)
    return 2 * task, os.getpid(), torch.get_num_threads()


def keeps_memory(_: int) -> bool:
    """Whether the worker keeps the memory that it frees."""
    return keeps_freed_memory()


class DiesOnce:
    """Ends its process the first time that it is called with a task, and works the second time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, task: int) -> int:
        mark = self.folder / str(task)
        if not mark.exists():
            mark.touch()
            os._exit(3)
        return task


class Bad(nn.Module):
    """A module that does what no op should."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.kind == "kills":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == "allocates":
            torch.empty(2**50)
        if self.kind == "raises":
            raise KeyError("no such key")
        return x * float("nan")


def kills(spec: object) -> nn.Module:
    """An op whose worker is killed by the system."""
    return Bad("kills")


def allocates(spec: object) -> nn.Module:
    """An op that asks for more memory than there is."""
    return Bad("allocates")


def gives_nan(spec: object) -> nn.Module:
    """An op that gives NaN."""
    return Bad("gives_nan")


def raises(spec: object) -> nn.Module:
    """An op that raises."""
    return Bad("raises")


def refuses(task: int) -> int:
    """Raises whatever it is given."""
    raise RuntimeError(f"not on this machine: {task}")


class Ends:
    """Ends its process in the way that the task names, or raises."""

    def __call__(self, task: str) -> str:
        if task == "exit":
            os._exit(5)
        if task == "slowly":  # as an interpreter does that has much to take down
            for descriptor in range(3, 256):  # its pipe closes long before it ends
                with suppress(OSError):
                    os.close(descriptor)
            time.sleep(1)
            os._exit(7)
        if task == "raise":
            raise KeyError("no such key")
        return task
