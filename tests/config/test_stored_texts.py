"""Whatever text a setting holds, what a run stores of it is read back, and an INI file can say it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from neat_deep.base.errors import ConfigError, NeatDeepError
from neat_deep.base.sections import SECTIONS
from neat_deep.config.experiment_file import load_experiment, read_settings_text
from neat_deep.config.ini import parse_ini, read_section, write_sections
from neat_deep.config.stored_settings import settings_text
from neat_deep.config.strategy_experiment import load_strategy_experiment, read_strategy_settings
from tests.support.random_cells import DIGITS_INI

EXPERIMENT = load_experiment(DIGITS_INI)
OF_A_STRATEGY = load_strategy_experiment(DIGITS_INI.with_name("digits_random.ini"))
TEXTS = st.text(st.characters(), max_size=20)  # surrogates too: names of files may hold bytes that are no text
FAULTS = ("runs/exp #1", "a;b", " leading", "trailing ", "two\nlines", "\ttab", "50%", '"quoted"', "", "é\udce9", "[x]")


@dataclass(frozen=True)
class Texts:
    """A section of texts, as any plugin may register."""

    first: str
    second: str = "x"
    third: str = ""


def again(section: Any) -> Any:
    text = write_sections({"Texts": section})
    assert "\n\n" not in text.rstrip("\n") and text.isascii() | text.replace("\n", " ").isprintable()
    return read_section("a run", parse_ini(text, "a run"), "Texts", Texts)


@given(first=TEXTS, second=TEXTS, third=TEXTS)
@settings(max_examples=300, deadline=None)
@example("#", ";", "%")
@example('"', "\\", "\x00")
@example("=", ":", "[Other]")
def test_any_text_is_read_back(first: str, second: str, third: str) -> None:
    assert again(Texts(first, second, third)) == Texts(first, second, third)


def free_texts() -> list[tuple[str, str]]:
    """The text settings of the shipped sections that take any text, by section and field."""
    found = []
    for name in ("data", "run", "network", "training", "fitness"):
        part = getattr(EXPERIMENT, name)
        for field in dataclasses.fields(part):
            if isinstance(getattr(part, field.name), str):
                try:
                    dataclasses.replace(part, **{field.name: "any text at all"})
                except NeatDeepError:  # it is a choice
                    continue
                found.append((name, field.name))
    return found


def test_there_are_free_texts() -> None:
    assert {("data", "root"), ("run", "out"), ("run", "device"), ("run", "ray_address")} <= set(free_texts())
    assert len(SECTIONS) > 8


@pytest.mark.parametrize("text", FAULTS)
@pytest.mark.parametrize(("part", "name"), free_texts())
def test_a_run_keeps_it(part: str, name: str, text: str) -> None:
    for experiment, read in ((EXPERIMENT, read_settings_text), (OF_A_STRATEGY, read_strategy_settings)):
        changed: Any = dataclasses.replace(
            experiment, **{part: dataclasses.replace(getattr(experiment, part), **{name: text})}
        )
        kept = getattr(getattr(read(settings_text(changed)), part), name)
        assert kept == (str(Path.cwd() / text) if name == "root" else text) or (name, text) == ("root", "")


def test_an_ini_file_may_quote_a_text() -> None:
    def read(value: str) -> str:
        return read_section("f.ini", parse_ini(f"[Texts]\nfirst = {value}\n", "f.ini"), "Texts", Texts).first

    assert read('"runs/exp #1"') == "runs/exp #1"
    assert read('"say \\"no\\""') == 'say "no"'
    assert read('""') == ""
    assert read('a "b" c') == 'a "b" c'
    with pytest.raises(ConfigError, match=r'first: got \'a #b\'; a comment .* in double quotes: "a #b"'):
        read("a #b")
    with pytest.raises(ConfigError, match=r'first: got "a" "b", allowed: a text in double quotes'):
        read('"a" "b"')


@pytest.mark.parametrize("name", ["two words", "a#b", "", "x;y", " x", "a\tb"])
def test_a_list_refuses_a_name_that_it_cannot_hold(name: str) -> None:
    @dataclass(frozen=True)
    class Names:
        names: tuple[str, ...]

    with pytest.raises(ConfigError, match=r"\[Names\] names: got .*allowed: names without spaces"):
        write_sections({"Names": Names(("fine", name))})
