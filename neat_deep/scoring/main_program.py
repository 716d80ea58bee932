"""What speaks against other processes that import the running program, as every spawned process of Python does."""

from __future__ import annotations

import ast
import multiprocessing
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from neat_deep.base.errors import ConfigError

GUARD = "if __name__ == '__main__':"


def main_obstacle(registered: Iterable[tuple[str, Any]]) -> str | None:
    """Why worker processes cannot import the running program, in a line with what is allowed; None when they can.

    `registered` is what they need, by the words that name it: what a notebook, a prompt or the standard input defines
    cannot be imported. A script that searches outside of a main guard would search again in each process.
    """
    main = sys.modules.get("__main__", ModuleType("__main__"))
    path = getattr(main, "__file__", None)
    if path is None or not Path(path).is_file():
        own = next((words for words, code in registered if getattr(code, "__module__", None) == "__main__"), None)
        if own is None:
            return None
        return (
            f"{own} is defined in a notebook, at a prompt or on the standard input, where other processes cannot "
            "import it; allowed: in a file of its own that is imported, or workers = 0"
        )
    line = _unguarded_line(main, Path(path))
    if line is None:
        return None
    return (
        f"line {line} of {path} starts the search outside of `{GUARD}`, so every process that imports the file would "
        "start it again; allowed: below that line, or workers = 0"
    )


def refuse_in_importing_process() -> None:
    """Raise `ConfigError` in a worker that imports the program, before it searches as the program does."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ConfigError(f"a worker imports the program that started it; what searches there stands below `{GUARD}`")


def _unguarded_line(main: ModuleType, path: Path) -> int | None:
    """The line of the main program that runs now, if it is not in a main guard."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and not (frame.f_globals is vars(main) and frame.f_code.co_name == "<module>"):
        frame = frame.f_back
    if frame is None:
        return None
    try:
        statements = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):  # it has changed since it started
        return None
    for statement in statements:
        if statement.lineno <= frame.f_lineno <= (statement.end_lineno or statement.lineno):
            return None if _is_guard(statement) else frame.f_lineno
    return None


def _is_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and any(
        isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(statement.test)
    )
