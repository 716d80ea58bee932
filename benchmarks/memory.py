"""This process's resident memory, as Linux counts it."""

from __future__ import annotations

from pathlib import Path

STATUS = Path("/proc/self/status")


def resident_mib(key: str) -> float:
    """Resident memory in MiB: now (`VmRSS`), or the most it ever was (`VmHWM`). Raises `RuntimeError` without /proc."""
    if STATUS.exists():
        for line in STATUS.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name == key:
                return int(value.split()[0]) / 1024
    raise RuntimeError(f"memory is read from {STATUS}, which on this system is missing or does not tell {key}")
