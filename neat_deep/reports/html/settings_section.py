"""The settings of a run that are not the defaults."""

from __future__ import annotations

import dataclasses
from typing import Any

from neat_deep.base.fields import ini_text, text_of
from neat_deep.base.registry import resolve
from neat_deep.base.sections import SECTIONS
from neat_deep.config.experiment_file import settings_values
from neat_deep.evolution.selection import REPRODUCTIONS
from neat_deep.reports.html.content import Section, Table

PLACES = {("Data", "root"), ("Run", "out")}  # where a run is, not what it is; a page may be sent to others
NOTHING = "(nothing)"
HEAD = ("section", "setting", "this run", "default")


def settings_section(text: str) -> Section:
    """What a run's whole INI file, `text`, sets: what differs from the defaults, and what has none."""
    changed, without = [], []
    for (section, key), value in settings_values(text).items():
        if (section, key) in PLACES:
            continue
        default = _defaults(section).get(key)
        if default is None:
            without.append((section, key, value or NOTHING))
        elif default != value:
            changed.append((section, key, value or NOTHING, default or NOTHING))
    table = Table(HEAD, tuple(changed))
    rest = Table(HEAD[:3], tuple(without), "Settings without a default", folded=True)
    return Section("Settings that differ from the defaults", (table, rest) if without else (table,))


def _defaults(section: str) -> dict[str, str]:
    """The texts of a section's defaults by key; a key that must be set, or that nobody knows, is absent."""
    if section in SECTIONS:
        return _texts(resolve(SECTIONS.get(section).settings))
    if section in REPRODUCTIONS:
        return _texts(REPRODUCTIONS.get(section).kind.installed_settings())
    return {}


def _texts(kind: type[Any]) -> dict[str, str]:
    texts = {}
    for field in dataclasses.fields(kind):
        default = field.default
        if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if default is dataclasses.MISSING:
            continue
        if dataclasses.is_dataclass(default):
            texts.update({f"{field.name}_{key}": text for key, text in _texts(type(default)).items()})
        else:
            texts[field.name] = ini_text(default) if isinstance(default, str) else text_of(default)
    return texts
