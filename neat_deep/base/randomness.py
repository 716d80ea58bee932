"""Seeds: derived from names, and used without disturbing the random state of the caller."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive_seed(seed: int, *parts: str) -> int:
    """A seed of 63 bits that depends on `seed` and every part, and on nothing else (not on Python's hash)."""
    text = "\x1f".join([str(seed), *parts])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Within the block torch draws from `seed`, on the CPU and on `device`; afterwards its generators are as before.

    Other devices' generators are not touched: `torch.manual_seed` would seed those of every GPU, and nothing would
    put them back.
    """
    target = None if device is None or device.type == "cpu" else device
    with torch.random.fork_rng(
        devices=[] if target is None else [target], device_type="cuda" if target is None else target.type
    ):
        torch.default_generator.manual_seed(seed)
        if target is not None:
            backend = getattr(torch, target.type)
            with backend.device(target):
                backend.manual_seed(seed)
        yield


@contextmanager
def preserved() -> Iterator[None]:
    """After the block the global generators of Python, NumPy and, on the CPU, torch are as they were before it."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def seed_python(seed: int) -> None:
    """Seed the global generators of Python and NumPy."""
    random.seed(seed)
    np.random.seed(seed % 2**32)


def seed_all(seed: int) -> None:
    """Seed the global generators of Python, NumPy and torch, on every device."""
    seed_python(seed)
    torch.manual_seed(seed)
