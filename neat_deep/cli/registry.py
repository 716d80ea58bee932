"""The registry of subcommands: those of `commands/`, and those that a plugin adds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from neat_deep.base.registry import Registry

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
