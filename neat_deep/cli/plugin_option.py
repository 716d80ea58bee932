"""`--plugin`: Python files and modules of the user's own, before anything else of the command line is read.

They may bring the very command that is called, so the option stands outside of all commands, and anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from neat_deep.base.errors import ConfigError
from neat_deep.base.plugins import load_installed_plugins, load_plugins

OPTION = "--plugin"

_named: list[str] = []


def take_plugins(words: Sequence[str]) -> list[str]:
    """Import the plugins of installed packages and those that a command line names; returns its other words.

    Raises `ConfigError`.
    """
    names: list[str] = []
    other_words: list[str] = []
    remaining = iter(words)
    for word in remaining:
        if word == "--":
            other_words += [word, *remaining]
        elif word == OPTION:
            names.append(next(remaining, ""))
        elif word.startswith(f"{OPTION}="):
            names.append(word.removeprefix(f"{OPTION}="))
        else:
            other_words.append(word)
    if "" in names:
        raise ConfigError(f"{OPTION}: got nothing, allowed: a Python file, or a module that Python finds")
    load_installed_plugins()
    load_plugins(names)
    _named[:] = names
    return other_words


def named_plugins() -> tuple[str, ...]:
    """The plugins that the command line named."""
    return tuple(_named)
