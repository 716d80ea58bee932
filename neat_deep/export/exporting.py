"""From a trained network to a file for other programs, checked before it takes its place."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from neat_deep.base.errors import ArchitectureError, NeatDeepError, OutputError
from neat_deep.base.files import check_writable, replacing
from neat_deep.export.description import as_json, describe
from neat_deep.export.formats import FORMATS, Format
from neat_deep.export.models import Model
from neat_deep.export.sources import load_source
from neat_deep.export.tracing import check_torch, first_line, record

TOLERANCE = 1e-4  # of a probability, between the exported model and torch


@dataclass(frozen=True)
class Exported:
    """A file that was written, what it says of itself (`description`), and how it was checked.

    `difference` is the largest one between a probability that it gave and torch's, over so many `examples`.
    """

    path: Path
    description: dict[str, Any]
    difference: float
    examples: int


def export_network(
    trained: Path | str, out: Path | str | None = None, *, format: str = "onnx", channels: int | None = None
) -> Exported:
    """Write a trained network for programs without neat-deep, with its preprocessing inside, and check the file.

    `trained` is a `trained.pt`, or the `ensemble.json` of a run, whose networks then vote; `out` must be new, and lies
    beside it if none is given. `format` is `onnx`, or `torch` for `torch.export.load`. Into the model go

    - for images: bytes (batch, height, width, channels), upright and without transparency, of any one size; they are
      resized and normalised inside. With `channels` 1 (grey) or 3 (RGB) they are converted to the network's too, which
      they have to have without;
    - for texts: int64 token ids (batch, length), padded on the right. The vocabulary, the tokenizer and the padding's
      id stand in the file: see `description`.

    Out come class probabilities (batch, classes), float32. Raises `UnknownNameError` for a format, `ConfigError` for a
    missing package, a torch that is too old or `channels`, `OutputError` for `out`, and `ArchitectureError` for what is
    no trained network, cannot be exported, or computes something else once it is.
    """
    trained = Path(trained)
    out = trained.with_suffix(FORMATS.get(format).suffix) if out is None else Path(out)
    check_out(out, format)
    check_torch()
    file_format: Format = importlib.import_module(FORMATS.get(format).module)
    source = load_source(trained)
    file_format.check_installed()
    with _naming(trained):
        model = source.model(channels)
        description = describe(source, model)
        content = file_format.encode(record(model), model, as_json(description))
        with replacing(out) as beside:
            beside.write_bytes(content)
            difference, count = _compare(model, file_format.load, beside)
    return Exported(out, description, difference, count)


def check_out(out: Path, format: str) -> None:
    """Raise `OutputError` for a file that a network cannot be exported to, and `UnknownNameError` for the format."""
    suffix = FORMATS.get(format).suffix
    if out.suffix != suffix:
        raise OutputError(f"got {out}, allowed for the format '{format}': a name that ends in {suffix}")
    if os.path.lexists(out):
        raise OutputError(f"{out} is there already, allowed: a new file")
    check_writable(next(folder for folder in out.parents if folder.exists()))  # now, not after the work


@torch.no_grad()
def _compare(model: Model, load: Callable[[Path], Callable[[Tensor], Tensor]], path: Path) -> tuple[float, int]:
    """The largest difference of a probability, and over how many examples; raises `ArchitectureError`."""
    batches = model.examples()
    try:
        exported = load(path)
        outputs = [exported(batch) for batch in batches]
    except Exception as error:  # noqa: BLE001 - what runs the file is another's program
        raise ArchitectureError(f"the exported model does not run: {first_line(error)}") from None
    differences = [(output - model(batch)).abs().max() for output, batch in zip(outputs, batches, strict=True)]
    largest = float(torch.stack(differences).max())
    if not largest <= TOLERANCE:  # nor NaN
        raise ArchitectureError(
            f"the exported model's probabilities differ from torch's by {largest:.2g}, allowed: {TOLERANCE:g}"
        )
    return largest, sum(map(len, batches))


@contextmanager
def _naming(trained: Path) -> Iterator[None]:
    """Put the network's file before an error about it."""
    try:
        yield
    except OutputError:
        raise
    except NeatDeepError as error:
        raise type(error)(f"{trained}: {error}") from None
