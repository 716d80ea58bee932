"""A model as the program that torch.export makes of it, whatever the extents of its input."""

from __future__ import annotations

import warnings

import torch
from torch.export import Dim, ExportedProgram
from torch.fx import GraphModule

from neat_deep.base.errors import ArchitectureError, ConfigError
from neat_deep.export.models import Model

OLDEST = (2, 10)  # before it torch.export takes the length of texts, or the steps of a loop, for constants

LARGEST = 1_000_000  # some releases refuse what 32 bits could not count


def can_export() -> bool:
    """Whether this torch's export knows what a network needs."""
    return tuple(int(part) for part in torch.__version__.split(".")[:2]) >= OLDEST


def check_torch() -> None:
    """Raise `ConfigError` for a torch that cannot export."""
    if not can_export():
        raise ConfigError(f"export: got torch {torch.__version__}, allowed: {'.'.join(map(str, OLDEST))} or newer")


def dimensions_of(model: Model) -> dict[int, Dim]:
    """The dimensions of a model's input that may have any extent, from 1 to more than anybody has."""
    return {place: Dim(name, min=1, max=LARGEST) for place, name in enumerate(model.dimensions)}


@torch.no_grad()
def record(model: Model) -> ExportedProgram:
    """The program of a model in evaluation mode; raises `ArchitectureError` where torch.export cannot follow it.

    Every op that ships can be followed (`is_exporting` marks where it takes another way); a user's own may not.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about torch's own code
            example = model.examples()[0]
            program = torch.export.export(model, (example,), dynamic_shapes=(dimensions_of(model),), strict=False)
    except Exception as error:  # noqa: BLE001 - an op of a user's may raise anything, and so may torch.export
        raise ArchitectureError(
            "torch.export cannot follow the network; an op may decide by what a tensor holds: " + first_line(error)
        ) from None
    _forget_sources(program)
    return program


def _forget_sources(program: ExportedProgram) -> None:
    """Drop the lines of code behind each operation: they name files of this machine."""
    for part in program.graph_module.modules():
        if isinstance(part, GraphModule):  # the program, and the bodies of its loops
            for node in part.graph.nodes:
                node.meta.pop("stack_trace", None)


def first_line(error: Exception) -> str:
    """What another's error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
