"""The subcommands that ship: a file of `commands/` each, found without being listed."""

from __future__ import annotations

import importlib
import pkgutil

from neat_deep.base.registry import Registrations, recorded, restore
from neat_deep.cli import commands

_shipped: Registrations = []


def load_commands() -> None:
    """Import every file of `commands/`; each registers its subcommand."""
    with recorded() as registrations:
        for module in pkgutil.iter_modules(commands.__path__):
            importlib.import_module(f"{commands.__name__}.{module.name}")
    _shipped.extend(registrations)
    restore(_shipped)  # where a `registration_scope` has ended since they were imported
