"""The format `torch`: an archive (.pt2) that `torch.export.load` reads, without neat-deep."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from neat_deep.export.models import Model

EXTRA_FILE = "neat_deep.json"  # the description's name in the archive


def check_installed() -> None:
    """Nothing: torch is there."""


def encode(program: ExportedProgram, model: Model, description: str) -> bytes:
    """The archive's bytes."""
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={EXTRA_FILE: description})
    return buffer.getvalue()


def load(path: Path) -> Callable[[Tensor], Tensor]:
    """The program of an archive of ours, ready to run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about torch's own code
        module = torch.export.load(path).module()
    return lambda inputs: module(inputs)
