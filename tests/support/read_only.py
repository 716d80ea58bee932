"""A folder that nobody may write, root included."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CAPABILITIES = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
WRITES_ANYWHERE = 1 << 1  # CAP_DAC_OVERRIDE


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Within the block this process can make and change nothing in `folder`, even if it is root on Linux."""
    files = [folder, *folder.iterdir()]
    modes = [file.stat().st_mode for file in files]
    for file in files:
        file.chmod(0o555 if file.is_dir() else 0o444)
    try:
        with _without_root_rights():
            yield
    finally:
        for file, mode in zip(files, modes, strict=True):
            file.chmod(mode)


@contextmanager
def _without_root_rights() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    library = ctypes.CDLL(None, use_errno=True)
    header, before, now = (ctypes.c_uint32 * 2)(CAPABILITIES, 0), (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    assert library.capget(header, before) == library.capget(header, now) == 0
    now[0] &= ~WRITES_ANYWHERE  # of those in effect; it stays permitted, and so can be taken again
    assert library.capset(header, now) == 0
    try:
        yield
    finally:
        assert library.capset(header, before) == 0
