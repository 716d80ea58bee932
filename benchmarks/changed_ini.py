"""Copies of shipped INI files in which some keys have other values, as `--set SECTION.KEY=VALUE` asks for them."""

from __future__ import annotations

import argparse
import configparser
import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from neat_deep.base.errors import ConfigError
from neat_deep.base.files import read_text

Sections = Mapping[str, Mapping[str, str]]


def parse_ini(config: Path) -> configparser.ConfigParser:
    """An INI file's sections as they stand; raises `ConfigError` for a file that cannot be read."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(read_text(config, "the INI file", ConfigError))
    return parser


@contextlib.contextmanager
def changed(config: Path, *changes: Sections) -> Iterator[Path]:
    """A copy of an INI file in which some keys have other values; the later changes go before the earlier."""
    parser = parse_ini(config)
    for some in changes:
        parser.read_dict(some)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / config.name
        with path.open("w", encoding="utf-8") as file:
            parser.write(file)
        yield path


def setting(text: str) -> tuple[str, str, str]:
    """How argparse reads SECTION.KEY=VALUE."""
    place, equals, value = text.partition("=")
    section, dot, key = place.partition(".")
    if not (section and dot and key and equals):
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed: SECTION.KEY=VALUE")
    return section, key, value


def by_section(settings: Sequence[tuple[str, str, str]]) -> Sections:
    """What `setting` read, by section and key."""
    sections: dict[str, dict[str, str]] = {}
    for section, key, value in settings:
        sections.setdefault(section, {})[key] = value
    return sections
