"""Sections: whoever reads one registers it, misspelt ones are named, and others are left alone with a warning."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from neat_deep.base.errors import ConfigError
from neat_deep.base.registry import registration_scope, resolve
from neat_deep.base.sections import SECTIONS, register_section
from neat_deep.config.ini import check_sections, parse_ini, read_section

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
WARNING = "file.ini: neither neat-deep nor neat-python reads [Weather]"


@dataclass(frozen=True)
class Weather:
    rain: float = 0.0


def test_a_registered_section_is_known(caplog: pytest.LogCaptureFixture) -> None:
    parser = parse_ini("[Weather]\nrain = 2\n", "file.ini")
    check_sections("file.ini", parser)
    assert [record.message for record in caplog.records] == [WARNING]
    with registration_scope():
        register_section("Weather", f"{__name__}:Weather")
        caplog.clear()
        check_sections("file.ini", parser)
        assert not caplog.records
        with pytest.raises(ConfigError, match=r"unknown section \[Weahter\]; did you mean \[Weather\]\? known: "):
            check_sections("file.ini", parse_ini("[Weahter]\n", "file.ini"))
        with pytest.raises(ConfigError, match="section name 'Weather' is taken"):
            register_section("Weather", Weather)
        assert resolve(SECTIONS.get("Weather").settings) is Weather
        assert read_section("file.ini", parser, "Weather", Weather) == Weather(2.0)
    check_sections("file.ini", parser)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_section_of_an_installed_plugin_is_known() -> None:
    """In a process that has not imported that package."""
    code = "import sys; from neat_deep.config import load_training_plan; print(load_training_plan(sys.argv[1]).run)"
    path = CONFIGS / "digits_darts.ini"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert "seed=1," in done.stdout
    assert done.stderr == ""
