"""The trained network that an argument names: its file, or the folder of the run that it ended."""

from __future__ import annotations

from pathlib import Path

from neat_deep.base.errors import ArchitectureError

TRAINED = "trained.pt"


def trained_file(network: Path) -> Path:
    """`network`, or the `trained.pt` in it where it is a folder; raises `ArchitectureError` for a folder without."""
    if not network.is_dir():
        return network
    if not (network / TRAINED).is_file():
        raise ArchitectureError(f"{network} holds no {TRAINED}; allowed: the folder of a run that came to its end")
    return network / TRAINED
