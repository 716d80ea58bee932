"""A process that another one started, and that shall not outlive it, however that one ends."""

from __future__ import annotations

import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """End this process, at once, when the process of `multiprocessing` that started it has ended."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)  # nobody needs its result any more

    threading.Thread(target=watch, daemon=True).start()
