"""The subcommands by name: those of `commands/`, and those that a plugin adds."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from neat_deep.base.registry import Registrations, Registry, recorded, restore

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class CommandInfo:
    """A subcommand: a function whose parameters typer turns into arguments and options.

    Its help is the summary, the function's docstring, and the examples, each a command line.
    """

    name: str
    summary: str
    examples: tuple[str, ...]
    function: Callable[..., Any]


COMMANDS: Registry[CommandInfo] = Registry("command")
_shipped: Registrations = []


def register_command(name: str, *, summary: str, examples: Sequence[str] = ()) -> Callable[[Function], Function]:
    """Make a function the subcommand `neat-deep NAME`; `summary` is its line in the list of all, `examples` are whole
    command lines.

    The file that holds it should import torch, and whatever else takes long, inside the function. Raises `ConfigError`
    for a name that is taken.
    """

    def decorate(function: Function) -> Function:
        COMMANDS.add(CommandInfo(name, summary, tuple(examples), function))
        return function

    return decorate


def load_commands() -> None:
    """Import every file of `commands/`; each registers its subcommand."""
    from neat_deep.cli import commands

    with recorded() as registrations:
        for module in pkgutil.iter_modules(commands.__path__):
            importlib.import_module(f"{commands.__name__}.{module.name}")
    _shipped.extend(registrations)
    restore(_shipped)  # where a `registration_scope` has ended since they were imported
