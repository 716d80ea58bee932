"""A test stands alone: what several share lies in tests/support, so that a file of tests can move or go."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent


def imported(tree: ast.AST) -> Iterator[str]:
    """All that a file imports, wherever it stands in it, as dotted names; a module's names count as parts of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{name.name}" for name in node.names)


def other_tests(text: str, modules: set[str]) -> list[str]:
    """What a file with this text imports from files of tests."""
    return sorted(name for name in imported(ast.parse(text)) if modules & set(name.split(".")))


def test_no_test_imports_another() -> None:
    files = sorted(TESTS.rglob("test_*.py"))
    assert len(files) > 60
    modules = {file.stem for file in files}
    found = {str(file.relative_to(TESTS)): other_tests(file.read_text(encoding="utf-8"), modules) for file in files}
    assert {file: names for file, names in found.items() if names} == {}


def test_every_way_to_import_a_test_is_seen() -> None:
    text = """
import tests.darts.test_script
from tests.darts import test_script as other
from .test_script import small_ini
def later(): from tests.darts.test_script import small_ini
from tests.support.clocks import Clock
"""
    assert len(other_tests(text, {"test_script"})) == 4


# --- rooms -----------------------------------------------------------------------------------------------------------

WITHOUT: set[str] = set()  # rooms whose files have no contract, or one that is not whole


def test_the_files_of_every_room_have_an_exhaustive_contract() -> None:
    """Or import-linter would not see a new file."""
    tomllib = pytest.importorskip("tomllib")  # of Python 3.11
    root = TESTS.parent
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    held = {name for one in contracts if one.get("exhaustive") for name in one["containers"]}
    held |= {module.removesuffix(".*") for one in contracts for module in one.get("modules", ()) if module[-2:] == ".*"}
    folders = [path.parent for package in ("neat_deep", "darts") for path in (root / package).rglob("__init__.py")]
    rooms = {".".join(folder.relative_to(root).parts) for folder in folders}
    assert len(rooms) > 15
    assert rooms - held == WITHOUT
