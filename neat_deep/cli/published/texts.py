"""The INI files of a scale: the shipped ones with its changes in place, to be kept in the experiment's folder."""

from __future__ import annotations

import configparser
import io

from neat_deep.base.errors import ConfigError
from neat_deep.base.files import read_text
from neat_deep.base.shipped import shipped_file
from neat_deep.cli.published.scale import Scale, Settings

DARTS_FILE = "{data}_darts.ini"
DATA_FILE = "{data}.ini"


def ini_settings(scale: Scale) -> dict[str, Settings]:
    """What each INI file is made of, by its name: one a data set, and one a search by gradient descent."""
    files = {}
    for part in scale.data_parts():
        files[DATA_FILE.format(data=part.name)] = part.settings
        if part.darts is not None:
            files[DARTS_FILE.format(data=part.name)] = part.darts
    return files


def ini_texts(scale: Scale) -> dict[str, str]:
    """The text of each INI file, by its name."""
    return {name: _with_changes(settings) for name, settings in ini_settings(scale).items()}


def _with_changes(settings: Settings) -> str:
    """The text of a shipped INI file with what differs from it in place, and said above; comments are left out."""
    with shipped_file(settings.config) as path:
        text = read_text(path, "INI file", ConfigError)
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    lines = [f"# {settings.config} as shipped, where every key is explained{', but for:' if settings.changes else '.'}"]
    for place, value in settings.changes.items():
        section, _, key = place.partition(".")
        lines.append(f"#   [{section}] {key} = {value}")
        parser.set(section, key, value)
    written = io.StringIO()
    parser.write(written)
    return "\n".join(lines) + "\n\n" + written.getvalue().rstrip() + "\n"
