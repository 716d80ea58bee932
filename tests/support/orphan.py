"""A process whose child sleeps longer than any test waits: to be killed."""

from __future__ import annotations

import multiprocessing
import time

from neat_deep.base.orphans import end_with_parent

SECONDS = 60.0


def child() -> None:
    """Say that it is there, and sleep."""
    end_with_parent()
    print("ready", flush=True)
    time.sleep(SECONDS)


if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=child)
    process.start()
    process.join()
