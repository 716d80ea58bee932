"""The public faces: what they offer, what mypy sees of them, and what they cost."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import neat_deep

LAZY = ["neat_deep", "neat_deep.data", "neat_deep.ops", "darts"]


def seen_by_mypy(package: str) -> dict[str, str]:
    """The names that a package imports under `if TYPE_CHECKING:`, and from which module."""
    (place,) = importlib.import_module(package).__path__
    tree = ast.parse((Path(place) / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert all(name.asname == name.name for node in imports for name in node.names)  # or mypy takes them for its own
    return {name.name: str(node.module) for node in imports for name in node.names}


@pytest.mark.parametrize("package", LAZY)
def test_a_type_checker_sees_the_same_names_in_the_same_places(package: str) -> None:
    module, names = importlib.import_module(package), seen_by_mypy(package)
    assert module.__all__ == sorted(names)
    assert set(dir(module)) >= set(names)
    for name, home in names.items():
        assert getattr(module, name) is getattr(importlib.import_module(home), name)


@pytest.mark.parametrize("package", LAZY)
def test_no_name_is_a_module_too(package: str) -> None:
    """Importing the module would put it in the name's place."""
    (place,) = importlib.import_module(package).__path__
    modules = {path.stem for path in Path(place).iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not modules & seen_by_mypy(package).keys()


@pytest.mark.parametrize("module", [*LAZY, "neat_deep.base.plugins", "darts.plugin"])
def test_an_import_alone_costs_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'neat_deep' has no attribute 'nonsense'"):
        neat_deep.nonsense  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'nonsense' from 'neat_deep'"):
        from neat_deep import nonsense  # noqa: F401
