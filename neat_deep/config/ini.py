"""An INI file's sections as settings dataclasses, and back. `base.sections` says which sections there are."""

from __future__ import annotations

import ast
import configparser
import difflib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from neat_deep.base.errors import ConfigError, NeatDeepError
from neat_deep.base.fields import ini_text, read_texts, values_of
from neat_deep.base.files import read_text
from neat_deep.base.plugins import load_installed_plugins, load_plugins, require_plugins
from neat_deep.base.sections import SECTIONS
from neat_deep.strategies.registry import STRATEGIES

log = logging.getLogger(__name__)

Settings = TypeVar("Settings")

STOCK_GENOME = "DefaultGenome"
EVOLVED = ("Data", "Network", "Training", "Fitness", "Run")  # the sections that an evolution has beside neat-python's

MISSPELT = 0.85  # likeness to one of our sections, by difflib; neat-python's [DefaultReproduction] has 0.80


def read_ini(path: Path | str) -> configparser.ConfigParser:
    """The parsed file; raises `ConfigError` when it cannot be read or is no INI file."""
    return parse_ini(read_text(path, "INI file", ConfigError), path)


def parse_ini(text: str, source: Path | str) -> configparser.ConfigParser:
    """The parsed text of an INI file, which messages call `source`; raises `ConfigError`."""
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text, source=str(source))
    except configparser.Error as error:
        raise ConfigError(f"{source}: {_what_is_wrong(error)}") from None
    return parser


def _what_is_wrong(error: configparser.Error) -> str:
    """The line that stopped `configparser`, and what may stand there."""
    if isinstance(error, configparser.MissingSectionHeaderError):
        return f"line {error.lineno}: got '{error.line.strip()}', allowed before the first key: a section, as [Data]"
    if isinstance(error, configparser.DuplicateSectionError):
        return f"line {error.lineno}: the section [{error.section}] is there twice, allowed: once, with all its keys"
    if isinstance(error, configparser.DuplicateOptionError):
        return f"line {error.lineno}: [{error.section}] {error.option} is there twice, allowed: once"
    if isinstance(error, configparser.ParsingError):
        number, written = error.errors[0]
        line = ast.literal_eval(written).strip()  # it comes as Python would write it
        return f"line {number}: got '{line}', allowed: [section], key = value, or # and a comment"
    return " ".join(str(error).split())


def use_plugins(source: Path | str, parser: configparser.ConfigParser, *, trusted: bool) -> None:
    """Import the plugins of installed packages and, from a file that the user named, those of its [Run].

    They come before all else in the file, which may use what they register. A file that is not `trusted`, as one in a
    run's folder, which anybody may have written, makes no code run: its plugins must be loaded already. Raises
    `ConfigError`.
    """
    load_installed_plugins()
    names = parser.get("Run", "plugins", raw=True, fallback="").replace("%%", "%").split()
    try:
        if trusted:
            load_plugins(names)
        else:
            require_plugins(names)
    except ConfigError as error:
        raise ConfigError(f"{source}: [Run] {error}") from None


def check_sections(path: Path | str, parser: configparser.ConfigParser) -> None:
    """Raise `ConfigError` for a section that looks like one of ours, misspelt; warn of what else nobody here reads."""
    strangers = [name for name in parser.sections() if name not in SECTIONS]
    ours = {name.lower(): name for name in sorted(SECTIONS)}
    for name in strangers:
        near = difflib.get_close_matches(name.lower(), ours, n=1, cutoff=MISSPELT)
        if near:
            known = ", ".join(ours.values())
            raise ConfigError(f"{path}: unknown section [{name}]; did you mean [{ours[near[0]]}]? known: {known}")
    if STOCK_GENOME in strangers and not parser.has_section("CellGenome"):
        raise ConfigError(_stock_file(path, parser))
    if strangers:
        log.warning("%s: neither neat-deep nor neat-python reads [%s]", path, "], [".join(strangers))


def _stock_file(path: Path | str, parser: configparser.ConfigParser) -> str:
    """What it takes to turn an ordinary file of neat-python's into one of ours."""
    renamed = f"[{STOCK_GENOME}] becomes [CellGenome], with op_, activation_ and aggregation_ keys of ours"
    if parser.has_section("DefaultReproduction"):
        renamed += ", [DefaultReproduction] becomes [CellReproduction]"
    missing = ", ".join(f"[{name}]" for name in EVOLVED if not parser.has_section(name))
    return (
        f"{path}: an ordinary file of neat-python, whose genomes are networks of numbers, not of layers; to make it "
        f"one of ours: {renamed}{f', and {missing} are added' if missing else ''}; `neat-deep init digits` writes a "
        "whole one to start from"
    )


def read_section(
    source: Path | str,
    parser: configparser.ConfigParser,
    section: str,
    kind: type[Settings],
    *,
    stored: bool = False,
) -> Settings:
    """Read one section into the settings dataclass `kind`, as `read_texts` does; `stored` is as there.

    Raises `ConfigError`, which names file, section and key.
    """
    texts = read_values(source, parser, section)
    try:
        return read_texts(kind, texts, stored=stored)
    except NeatDeepError as error:
        raise ConfigError(f"{source}: [{section}] {error}") from None


def read_values(path: Path | str, parser: configparser.ConfigParser, section: str) -> dict[str, str]:
    """The keys of a section with their values, each of one line; raises `ConfigError`."""
    if not parser.has_section(section):
        strangers = [name for name in parser.sections() if name not in SECTIONS]
        near = difflib.get_close_matches(section, strangers, n=1)
        hint = f"; is it [{near[0]}], misspelt?" if near else f"; {_file_with(section)}"
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
            raise ConfigError(
                f"{path}: [{section}] {key}: got '{raw}'; a share is written as 0.2, and a percent sign in a text as %%"
            ) from None
    return values


def _file_with(section: str) -> str:
    """Which command writes a file that has a section."""
    owner = next((info.name for info in STRATEGIES.values() if info.section == section), None)
    option = f" --strategy {owner}" if owner else ""
    return f"`neat-deep init DATASET{option}` writes a file that has it"


def write_sections(sections: Mapping[str, Any]) -> str:
    """The text of an INI file with these settings dataclasses as its sections, every key with its value.

    Raises `ConfigError`, which names section and key, for a value that no INI file can hold.
    """
    lines = []
    for name, settings in sections.items():
        values = {key: _written(name, key, value) for key, value in values_of(settings).items()}
        lines += [f"[{name}]", *(f"{key} = {text}" for key, text in values.items()), ""]
    return "\n".join(lines)


def _written(section: str, key: str, value: Any) -> str:
    try:
        return ini_text(value).replace("%", "%%")
    except ConfigError as error:
        raise ConfigError(f"[{section}] {key}: {error}") from None
