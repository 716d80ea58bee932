"""A search that is killed at its writes, one after the other, and taken up each time, in a process of its own.

python killed_search.py STRATEGY FOLDER GENERATIONS [SEED]

Every attempt is a process of its own, which ends itself by a signal at one of its next writes: before its commit, or
just after it. A forked one has imported everything already, so it costs no more than the search. The number of kills
is printed. Without a seed nothing kills it.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from neat_deep.base import tensor_files
from neat_deep.base.plugins import load_installed_plugins
from neat_deep.reports import recorder
from neat_deep.search import evolve
from neat_deep.store import run_store
from tests.support.every_search import Run, searching

SIGNALS = (signal.SIGKILL, signal.SIGTERM)
MOST_ATTEMPTS = 200


def attempt(run: Run, folder: Path, left: int, committed: bool, number: int) -> None:
    """Search until the write number `left`, and end there by a signal; to the end where `left` is 0."""
    remaining = [left or -1]

    def die() -> None:
        os.kill(os.getpid(), number)

    def killing(write: Callable[[Any], AbstractContextManager[Any]]) -> Callable[[Any], AbstractContextManager[Any]]:
        @contextmanager
        def call(place: Any) -> Iterator[Any]:
            with write(place) as handle:
                yield handle
                remaining[0] -= 1
                if remaining[0] == 0 and not committed:
                    die()
            if remaining[0] == 0:
                die()

        return call

    for module in (recorder, evolve):
        module.try_picture = lambda drawing, path: None  # type: ignore[attr-defined]
    recorder.plot_history = lambda history, path: None  # type: ignore[attr-defined]
    run_store.transaction = killing(run_store.transaction)  # type: ignore[attr-defined]
    tensor_files.replacing = killing(tensor_files.replacing)  # type: ignore[attr-defined]
    run(folder)


def main(name: str, folder: Path, generations: int, seed: int | None) -> None:
    """Kill and take up until the search is done; print how often it was killed."""
    load_installed_plugins()
    run, draw = searching(name, generations), random.Random(seed)
    folder.mkdir(exist_ok=True)
    if seed is None:
        attempt(run, folder, left=0, committed=False, number=0)
        print(0)
        return
    for kills in range(MOST_ATTEMPTS):
        left = 1 if name == "darts" else draw.randint(6, 16)  # it writes once an epoch
        committed, number = draw.random() < 0.5, draw.choice(SIGNALS)
        child = os.fork()
        if not child:
            try:
                attempt(run, folder, left, committed, number)
            except BaseException:  # noqa: BLE001 - the parent hears of it by the exit code
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            print(kills)
            return
        if code != -number:
            sys.exit(f"attempt {kills} ended with {code}")
    sys.exit("the search does not end")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else None)
