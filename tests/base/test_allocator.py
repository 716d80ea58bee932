"""What the C allocator is told, and by whom."""

from __future__ import annotations

import platform
import sys

import pytest

from neat_deep.base.allocator import keep_freed_memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_glibc_takes_the_advice_to_keep_memory() -> None:
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
