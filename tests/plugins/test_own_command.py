"""A file outside the package brings a subcommand, which `--plugin` makes known."""

from __future__ import annotations

from pathlib import Path

import pytest

from neat_deep.base.errors import ConfigError, UnknownNameError
from neat_deep.cli.main import run

PLUGIN = """
from neat_deep.cli.registry import register_command
from neat_deep import register_op


@register_command("greet", summary="Say hello", examples=("neat-deep greet you",))
def greet(name: str) -> None:
    print(f"hello {name}")


@register_op("blur", ranks={2}, parametric=False, summary="the mean of 3x3 pixels")
def blur(spec):
    raise NotImplementedError
"""

pytestmark = pytest.mark.usefixtures("registrations")


@pytest.fixture(autouse=True)
def in_a_folder_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(PLUGIN)


@pytest.mark.parametrize(
    "words",
    [
        ["--plugin", "mine.py", "greet", "you"],
        ["greet", "you", "--plugin=mine.py"],
        ["greet", "--plugin", "mine.py", "you"],
    ],
    ids=" ".join,
)
def test_a_command_of_ones_own(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    run(words)
    assert capsys.readouterr().out == "hello you\n"


def test_it_stands_in_the_help_and_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--plugin", "mine.py", "--help"])
    run(["list", "commands", "ops", "--plugin", "mine.py"])
    text = capsys.readouterr().out
    assert text.count("greet") == 2 and text.count("Say hello") == 2
    assert "the mean of 3x3 pixels (for images)" in text


def test_without_the_option_it_is_unknown() -> None:
    with pytest.raises(UnknownNameError, match="unknown command 'greet'"):
        run(["greet", "you"])


def test_the_option_needs_a_name() -> None:
    for words in (["list", "--plugin"], ["list", "--plugin="]):
        with pytest.raises(ConfigError, match="--plugin: got nothing, allowed: a Python file"):
            run(words)
