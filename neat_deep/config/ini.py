"""An INI file's sections as settings dataclasses, and back: every key is a field, checked where it is read."""

from __future__ import annotations

import configparser
import dataclasses
import difflib
import logging
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from neat_deep.base.errors import ConfigError, NeatDeepError, unknown_name
from neat_deep.base.files import read_text
from neat_deep.evolution.genome import SECTION as GENOME_SECTION
from neat_deep.evolution.selection import REPRODUCTIONS

log = logging.getLogger(__name__)

Settings = TypeVar("Settings")

MISSPELT = 0.85  # likeness to one of our sections, by difflib; neat-python's [DefaultReproduction] has 0.80

SECTIONS = frozenset(
    {"Data", "Network", "Training", "Fitness", "Run", "Darts"}
    | {"NEAT", GENOME_SECTION, "DefaultSpeciesSet", "DefaultStagnation", *REPRODUCTIONS}
)


def read_ini(path: Path | str) -> configparser.ConfigParser:
    """The parsed file; raises `ConfigError` when it cannot be read or is no INI file."""
    text = read_text(path, "INI file", ConfigError)
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text, source=str(path))
    except configparser.Error as error:
        text = " ".join(str(error).split())
        raise ConfigError(f"{text}; allowed: sections, and in each of them lines of key = value, none twice") from None
    return parser


def check_sections(path: Path | str, parser: configparser.ConfigParser) -> None:
    """Raise `ConfigError` for a section that looks like one of ours, misspelt; warn of what else nobody here reads."""
    strangers = [name for name in parser.sections() if name not in SECTIONS]
    ours = {name.lower(): name for name in sorted(SECTIONS)}
    for name in strangers:
        near = difflib.get_close_matches(name.lower(), ours, n=1, cutoff=MISSPELT)
        if near:
            known = ", ".join(ours.values())
            raise ConfigError(f"{path}: unknown section [{name}]; did you mean [{ours[near[0]]}]? known: {known}")
    if strangers:
        log.warning("%s: neither neat-deep nor neat-python reads [%s]", path, "], [".join(strangers))


def read_section(
    path: Path | str,
    parser: configparser.ConfigParser,
    section: str,
    kind: type[Settings],
    hidden: frozenset[str] | set[str] = frozenset(),
) -> Settings:
    """Read one section into the settings dataclass `kind`; a key is a field's name.

    A field that is a dataclass itself lends its fields as keys with its name before them, as `augmentation_shift`.
    Fields in `hidden` cannot be set from a file. Raises `ConfigError` with file, section and key.
    """
    values = read_values(path, parser, section)
    try:
        known = {key: hint for key, hint in _keys(kind).items() if key not in hidden}
        for key in values:
            if key not in known:
                raise unknown_name("key", key, known)
        parsed = {key: _parse(key, text, known[key]) for key, text in values.items()}
        return _make(kind, parsed)
    except NeatDeepError as error:
        raise ConfigError(f"{path}: [{section}] {error}") from None


def read_values(path: Path | str, parser: configparser.ConfigParser, section: str) -> dict[str, str]:
    """The keys of a section with their values, each of one line; raises `ConfigError`."""
    if not parser.has_section(section):
        strangers = [name for name in parser.sections() if name not in SECTIONS]
        near = difflib.get_close_matches(section, strangers, n=1)
        hint = f"; is it [{near[0]}], misspelt?" if near else ""
        raise ConfigError(f"{path}: the section [{section}] is missing{hint}")
    values = {}
    for key in parser.options(section):
        raw = parser.get(section, key, raw=True)
        if "\n" in raw:
            lines = "' and '".join(raw.split("\n"))
            raise ConfigError(f"{path}: [{section}] {key}: got '{lines}': an indented line goes on with the one above")
        try:
            values[key] = parser.get(section, key)
        except configparser.InterpolationError:
            raise ConfigError(f"{path}: [{section}] {key}: got '{raw}'; write %% for a percent sign") from None
    return values


# --- text to values ----------------------------------------------------------------------------------------------


def _keys(kind: type[Any]) -> dict[str, Any]:
    """The INI keys of a settings dataclass and their types."""
    keys: dict[str, Any] = {}
    for name, hint in typing.get_type_hints(kind).items():
        if dataclasses.is_dataclass(hint):
            keys.update({f"{name}_{inner}": inner_hint for inner, inner_hint in _keys(typing.cast(type, hint)).items()})
        else:
            keys[name] = hint
    return keys


def values_of(settings: Any) -> dict[str, Any]:
    """The values of a settings dataclass, under the keys that an INI file has for them.

    An empty text or list is left out: it is always a default, and an INI file cannot hold it.
    """
    values: dict[str, Any] = {}
    for f in dataclasses.fields(settings):
        value = getattr(settings, f.name)
        if dataclasses.is_dataclass(value):
            values.update({f"{f.name}_{inner}": inner_value for inner, inner_value in values_of(value).items()})
        elif value not in ("", ()):
            values[f.name] = value
    return values


def format_value(value: Any) -> str:
    """A value as an INI file has it."""
    text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text.replace("%", "%%")


def _make(kind: type[Settings], values: Mapping[str, Any]) -> Settings:
    own = dict(values)
    for name, hint in typing.get_type_hints(kind).items():
        if dataclasses.is_dataclass(hint):
            prefix = f"{name}_"
            inner = {key.removeprefix(prefix): own.pop(key) for key in values if key.startswith(prefix)}
            try:
                own[name] = _make(typing.cast(type, hint), inner)
            except ConfigError as error:
                raise ConfigError(f"{prefix}{error}") from None
    for f in dataclasses.fields(typing.cast(Any, kind)):
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING and f.name not in own:
            raise ConfigError(f"the key '{f.name}' is missing")
    return kind(**own)


def _whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split())


def _names(text: str) -> tuple[str, ...]:
    """The names in a list with single spaces between; a name that is empty is an accident of typing."""
    names = tuple(text.split(" ")) if text else ()
    if not all(names):
        raise ValueError("an empty name")
    return names


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


_READERS: dict[Any, tuple[Callable[[str], Any], str]] = {
    int: (int, "a whole number"),
    float: (float, "a number"),
    bool: (_truth, "True, False"),
    tuple[int, ...]: (_whole_numbers, "whole numbers with spaces between"),
    tuple[str, ...]: (_names, "names with one space between"),
    str: (str, "a text"),
}


def _parse(key: str, text: str, hint: Any) -> Any:
    if "#" in text or ";" in text:
        raise ConfigError(f"{key}: got '{text}'; a comment needs a line of its own")
    reader, allowed = _READERS.get(hint, _READERS[str])  # a Literal is a text that its class checks
    if not text and hint not in (tuple[int, ...], tuple[str, ...]):
        raise ConfigError(f"{key}: got nothing, allowed: {allowed}")
    try:
        return reader(text)
    except (ValueError, KeyError):
        raise ConfigError(f"{key}: got '{text}', allowed: {allowed}") from None
