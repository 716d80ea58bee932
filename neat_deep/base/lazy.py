"""Packages whose names are imported when they are used, so that a name which needs no torch costs none."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package (PEP 562); `homes` maps modules to the names they lend it.

    The names of one module stand in one text, with spaces between. The package imports the same names under
    `if TYPE_CHECKING:`, for those who read it without running it.
    """
    places = {name: module for module, names in homes.items() for name in names.split()}
    exported = sorted(places)

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])
        value = getattr(importlib.import_module(places[name]), name)
        setattr(sys.modules[package], name, value)  # the next time it is found without this function
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *exported})

    return get, names, exported
