"""One writer at a time: a lock that ends with its process, however that ends."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from neat_deep.base.errors import StoreError


class HeldLock:
    """A lock that this process has, until `close` or its end."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    def close(self) -> None:
        """Let the next writer in; a second call does nothing."""
        self._lock.release()


def lock_file(path: Path) -> HeldLock:
    """Become the only writer of a file, until the lock that this returns is closed or the process ends.

    The lock is the operating system's, on an empty file beside `path`: a lock on a store itself would keep its readers
    out. Raises `StoreError` when another process, or this one, has it.
    """
    place = path.with_name(f"{path.name}.lock")
    lock = FileLock(place, thread_local=False)  # whichever thread closes a store gives its lock back
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StoreError(f"{path} is being written by another process; wait for it, or end it") from None
    except (OSError, NotImplementedError) as error:  # the latter where a file system has no locks
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise StoreError(f"cannot lock {place}: {reason}") from None
    return HeldLock(lock)
