"""The registry of formats that a network can be exported to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor
from torch.export import ExportedProgram

from neat_deep.base.registry import Registry
from neat_deep.export.models import Model


class Format(Protocol):
    """What the module of a format has."""

    def check_installed(self) -> None:
        """Raise `ConfigError` where a package is missing."""
        ...

    def encode(self, program: ExportedProgram, model: Model, description: str) -> bytes:
        """What the file holds; raises `ArchitectureError`."""
        ...

    def load(self, path: Path) -> Callable[[Tensor], Tensor]:
        """The model of a file, run by the program that the format is for."""
        ...


@dataclass(frozen=True)
class FormatInfo:
    """A format: its name, the module that writes it (see `Format`), and what its files' names end in."""

    name: str
    module: str
    suffix: str


FORMATS: Registry[FormatInfo] = Registry("format")

for _info in (
    FormatInfo("onnx", "neat_deep.export.onnx_format", ".onnx"),
    FormatInfo("torch", "neat_deep.export.torch_format", ".pt2"),
):
    FORMATS.add(_info)
