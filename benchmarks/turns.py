"""Contenders that take turns: each in a process of its own, only one of them at work, so that noise hits all alike."""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

import torch

Trainer = Callable[[], None]
MakeTrainer = Callable[[str, int], Trainer]  # of a contender's name and the steps of a round


def measure(
    contenders: Sequence[str], make_trainer: MakeTrainer, *, rounds: int, steps: int, batch: int
) -> list[dict[str, float]]:
    """Examples per second of each contender, round by round, after a round that is not counted.

    A round trains each for `steps` steps of `batch` examples, starting with another contender each time.

    Each contender lives in a process of its own, since ours sets up the C allocator of its process. `make_trainer`
    must stand at the top level of its module.
    """
    context = multiprocessing.get_context("spawn")
    pipes, workers = {}, []
    for name in contenders:
        pipes[name], far_end = context.Pipe()
        arguments = (make_trainer, name, steps, torch.get_num_threads(), far_end)
        workers.append(context.Process(target=_serve, args=arguments, daemon=True))
        workers[-1].start()
        far_end.close()
    measured = []
    for number in range(rounds + 1):
        turn = number % len(contenders)
        rates = {}
        for name in [*contenders[turn:], *contenders[:turn]]:
            pipes[name].send(True)
            rates[name] = steps * batch / pipes[name].recv()
        measured.append(rates)
    for name, worker in zip(contenders, workers, strict=True):
        pipes[name].send(False)
        worker.join()
    return measured[1:]


def _serve(make_trainer: MakeTrainer, name: str, steps: int, threads: int, pipe: Connection) -> None:
    """Train whenever the pipe says so, and answer with the seconds that it took."""
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    train = make_trainer(name, steps)
    while pipe.recv():
        started = time.perf_counter()
        train()
        pipe.send(time.perf_counter() - started)


def at_least(least: int) -> Callable[[str], int]:
    """How argparse reads a whole number that may not be below `least`."""

    def number(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"got {text}, allowed: {least} or more")
        return int(text)

    return number
