"""The entry point of the command `neat-deep`."""

from __future__ import annotations

from collections.abc import Sequence

from neat_deep.cli.running import call_command, run_script
from neat_deep.cli.shipped_commands import load_commands


def main() -> None:
    """Run the command that the process's arguments name, and end the process."""
    run_script(run)


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command that `arguments` name (None: the process's own); raises `NeatDeepError` for a user's mistake."""
    load_commands()
    call_command(arguments)
