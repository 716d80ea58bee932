"""Files of tensors and plain values, written whole or not at all, and read without running what they hold."""

from __future__ import annotations

import pickle
import struct
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch

from neat_deep.base.errors import NeatDeepError, OutputError
from neat_deep.base.files import replacing

# What torch's reader raises at bytes that it did not write.
_UNREADABLE = (
    OSError, pickle.UnpicklingError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, EOFError,
    struct.error,
)  # fmt: skip


@dataclass(frozen=True)
class FileKind:
    """A kind of file: what it is called in messages, and the format and version that it states of itself."""

    name: str
    maker: str
    format: str
    version: int
    readable: Collection[int]  # versions
    error: type[NeatDeepError]

    def save(self, content: Mapping[str, Any], path: Path | str) -> None:
        """Write `content` with format and version; the file is whole or absent. Raises `OutputError`."""
        with replacing(path) as beside:
            try:
                torch.save({"format": self.format, "version": self.version, **content}, beside)
            except RuntimeError as error:  # torch's writer says so when the disk is full
                raise OutputError(f"cannot write {path} (is the disk full?): {str(error).splitlines()[0]}") from None

    def load(self, path: Path | str) -> dict[str, Any]:
        """The content of a file of this kind, on the CPU, format and version with it; raises `error`.

        It is read with `weights_only=True`: it cannot run code.
        """
        try:
            with Path(path).open("rb") as file:
                content = self._read(file, path)
        except OSError as error:
            raise self.error(f"cannot read {self.name} {path}: {error.strerror or error}") from None
        if not isinstance(content, dict) or content.get("format") != self.format:
            raise self.error(f"{path}: not a {self.name} of {self.maker}")
        if content.get("version") not in self.readable:
            allowed = ", ".join(map(str, self.readable))
            raise self.error(f"{path}: version: got {content.get('version')}, allowed: {allowed}")
        return dict(content)

    def _read(self, file: BinaryIO, path: Path | str) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's own words on a file that is refused anyway
                return torch.load(file, map_location="cpu", weights_only=True)
        except _UNREADABLE:
            raise self.error(
                f"{path}: not a {self.name}: damaged, or it holds more than tensors and plain values"
            ) from None
