"""The sections of an INI file that some part of the program reads: each part registers its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neat_deep.base.registry import Registry


@dataclass(frozen=True)
class Section:
    """A section by its name, and the settings dataclass that its keys are the fields of."""

    name: str
    settings: type[Any] | str  # or `module:attribute`, which `resolve` imports


SECTIONS: Registry[Section] = Registry("section")


def register_section(name: str, settings: type[Any] | str) -> None:
    """Let INI files have a section `[name]` without a warning; raises `ConfigError` for a name that is taken."""
    SECTIONS.add(Section(name, settings))
