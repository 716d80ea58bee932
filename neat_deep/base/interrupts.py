"""Ctrl-C, which a terminal sends to every process of its group: a child that is starting must not answer it too.

And SIGTERM, by which others ask a process to end: it can end as after Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TerminatedError(BaseException):
    """Another process asked this one to end; like `KeyboardInterrupt` no error that a program might handle."""


def answer_termination() -> None:
    """Let SIGTERM raise `TerminatedError` in the main thread, so that files are closed and workers ended on the way."""

    def answer(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as the signal module calls it
        raise TerminatedError

    signal.signal(signal.SIGTERM, answer)


@contextmanager
def starting_deaf_to_interrupts() -> Iterator[None]:
    """Processes that start within the block do not get Ctrl-C; this one answers it when the block ends.

    Python in a new process prints a traceback for Ctrl-C until the process's own code runs, which is seconds later. So
    its parent blocks the signal, and the new process inherits that.
    """
    if os.name != "posix":  # there are no masks of signals to inherit
        yield
        return
    from multiprocessing import resource_tracker

    in_main = threading.current_thread() is threading.main_thread()  # Python runs handlers in no other thread
    missed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: missed.append(number)) if in_main else None
    try:
        # Another process that multiprocessing starts, at its first need. It cares for itself, but unblocks the signal.
        resource_tracker.ensure_running()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    finally:
        if in_main:
            signal.signal(signal.SIGINT, before)
    if missed:
        signal.raise_signal(signal.SIGINT)
