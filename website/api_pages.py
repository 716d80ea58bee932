"""The pages of the programming interface: the names of the public faces, whose docstrings mkdocstrings renders.

One page a room, of the names that `neat_deep`, its rooms and `darts` export.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections import defaultdict
from pathlib import Path

# The packages that export names, and the rooms in the order of the table of rooms.
FACES = ("neat_deep", "neat_deep.data", "neat_deep.ops", "darts")
ROOMS = (
    *("space", "ops", "data", "networks", "training", "export", "scoring", "store", "strategies", "evolution"),
    *("config", "search", "estimator", "base", "darts"),
)


def write_room_pages(folder: Path) -> None:
    """Write a page for each room into a folder; raises `ValueError` for a room that ROOMS does not know."""
    rooms: dict[str, dict[str, str]] = defaultdict(dict)  # the names of a room, and the module of each
    for face in FACES:
        for name, module in exported(face).items():
            rooms[_room(module)][name] = module
    if unknown := rooms.keys() - set(ROOMS):
        raise ValueError(f"no page for the names of {', '.join(sorted(unknown))}; add them to ROOMS")
    for room, names in rooms.items():
        (folder / f"{room}.md").write_text(_page(room, names), encoding="utf-8")


def tables_of_names() -> str:
    """The names of each public face, with links to what the rooms' pages say of them."""
    lines: list[str] = []
    for face in FACES:
        lines += [f"## {face}", "", "| name | what it is |", "| --- | --- |"]
        for name, module in _sorted(exported(face)):
            lines.append(f"| [`{name}`]({_room(module)}.md#{module}.{name}) | {summary(name, module)} |")
        lines.append("")
    return "\n".join(lines)


def exported(package: str) -> dict[str, str]:
    """The names that a package exports, and the module that each comes from.

    They are those that it imports under `if TYPE_CHECKING:`, as type checkers see them.
    """
    tree = ast.parse(inspect.getsource(importlib.import_module(package)))
    blocks = (node for node in tree.body if isinstance(node, ast.If))
    imports = (node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom))
    return {name.name: str(node.module) for node in imports for name in node.names}


def summary(name: str, module: str) -> str:
    """The first sentence of what a name's docstring says; nothing for a value, which has that of its class."""
    value = getattr(importlib.import_module(module), name)
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return ""
    paragraph = (inspect.getdoc(value) or "").partition("\n\n")[0]
    return " ".join(paragraph.split()).replace("|", "\\|")


def _room(module: str) -> str:
    package, _, rest = module.partition(".")
    return package if package != "neat_deep" else rest.partition(".")[0]


def _sorted(names: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(names.items(), key=lambda item: item[0].lower())


def _page(room: str, names: dict[str, str]) -> str:
    package = room if room == "darts" else f"neat_deep.{room}"
    introduction = inspect.getdoc(importlib.import_module(package)) or ""
    directives = [f"::: {module}.{name}\n" for name, module in _sorted(names)]
    return "\n".join([f"# {package}", "", introduction, "", *directives])
