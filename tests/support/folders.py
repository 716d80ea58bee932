"""What lies in a folder, to see that a mistake changed nothing."""

from __future__ import annotations

from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file and folder, but for what SQLite keeps beside a store that was read."""
    paths = (path for path in folder.rglob("*") if not path.name.endswith(("-shm", "-wal")))
    return {str(path.relative_to(folder)): b"" if path.is_dir() else path.read_bytes() for path in paths}
