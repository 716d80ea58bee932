"""The one reader: INI texts and JSON objects become dataclasses, and older ones mean what they meant then."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError, NeatDeepError
from neat_deep.base.fields import (
    KeyFacts,
    describe_keys,
    parse_json,
    read_object,
    read_texts,
    setting,
    text_keys,
    text_of,
    values_of,
)


@dataclass(frozen=True)
class Inner:
    size: int = setting(4, before=1)

    def __post_init__(self) -> None:
        check_range("size", self.size, low=1)


@dataclass(frozen=True)
class Outer:
    needed: float
    flag: bool = setting(True, before=False)
    places: tuple[int, ...] = ()
    names: tuple[str, ...] = ("a",)
    choice: Literal["last", "first"] = "last"
    rank: int = setting(2, in_files=False)
    inner: Inner = field(default_factory=Inner)
    more: tuple[str, ...] = ()
    parts: tuple[Inner, ...] = ()


TEXTS = {"needed": "1e-3", "flag": "TRUE", "places": "0 2", "names": "b c", "choice": "first", "inner_size": "3"}


def test_texts_become_a_dataclass_and_texts_again() -> None:
    made = read_texts(Outer, TEXTS)
    assert made == Outer(0.001, True, (0, 2), ("b", "c"), "first", inner=Inner(3))
    assert read_texts(Outer, {**TEXTS, "places": "", "more": ""}).places == ()
    texts = {key: text_of(value) for key, value in values_of(made).items() if key != "parts"}
    assert read_texts(Outer, texts) == made
    assert "rank" not in text_keys(Outer) and "rank" not in texts


@pytest.mark.parametrize("key", [key for key in TEXTS if key != "needed"])
def test_a_key_that_is_left_out_has_its_default_or_what_was_done_before_it(key: str) -> None:
    """A new file means the program as it is; a stored one the program as it was."""
    texts = {name: text for name, text in TEXTS.items() if name != key}
    new, stored = values_of(read_texts(Outer, texts)), values_of(read_texts(Outer, texts, stored=True))
    assert new[key] == values_of(Outer(1.0))[key]
    assert stored[key] == {"flag": False, "inner_size": 1}.get(key, new[key])
    assert {**new, key: None} == {**stored, key: None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inner_sise": "2"}, "unknown key 'inner_sise'; did you mean 'inner_size'? known: choice,"),
        ({"rank": "1"}, "unknown key 'rank'; known: "),
        ({"needed": "one"}, "needed: got 'one', allowed: a number"),
        ({"flag": "1"}, "flag: got '1', allowed: True, False"),
        ({"places": "1, 2"}, "places: got '1, 2', allowed: whole numbers with spaces between"),
        ({"names": "a  b"}, "names: got 'a  b', allowed: names with one space between"),
        ({"needed": ""}, "needed: got nothing, allowed: a number"),
        ({"names": ""}, "names: got nothing, allowed: names with one space between"),
        ({"needed": "1 # first"}, "needed: got '1 # first'; a comment needs a line of its own"),
        ({"inner_size": "0"}, "inner_size: got 0, allowed: 1 or more"),
    ],
)
def test_bad_texts(changes: dict[str, str], message: str) -> None:
    with pytest.raises(NeatDeepError, match=f"^{re.escape(message)}"):
        read_texts(Outer, {**TEXTS, **changes})


def test_missing_keys_are_named() -> None:
    with pytest.raises(ConfigError, match="^the key 'needed' is missing$"):
        read_texts(Outer, {}, stored=True)


# --- JSON ------------------------------------------------------------------------------------------------------------

DOCUMENT = {"needed": 2, "places": [0, 2], "names": [], "choice": "first", "inner": {"size": 3}, "parts": [{"size": 5}]}


def test_objects_become_a_dataclass() -> None:
    """What a document lacks is as before the program knew it, since the document may be older."""
    made = read_object(Outer, DOCUMENT, "it")
    assert made == Outer(2, False, (0, 2), (), "first", inner=Inner(3), parts=(Inner(5),))
    assert read_object(Outer, {"needed": 1, "inner": {}}, "it").inner == Inner(1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"neded": 1}, "it: unknown field 'neded'; did you mean 'needed'? allowed: needed, flag,"),
        ({"xyz": 1}, "it: unknown field 'xyz', allowed: needed, flag,"),
        ({"needed": "1"}, "it: needed: got '1', allowed: a number"),
        ({"needed": True}, "it: needed: got True, allowed: a number"),
        ({"flag": 1}, "it: flag: got 1, allowed: true, false"),
        ({"places": 1}, "it: places: got 1, allowed: a list"),
        ({"places": [1, "2"]}, "it: places: got [1, '2'], allowed: a whole number at each place"),
        ({"choice": 1}, "it: choice: got 1, allowed: a text"),
        ({"inner": []}, "it.inner: got list, allowed: an object with size"),
        ({"inner": {"size": 0}}, "it.inner: size: got 0, allowed: 1 or more"),
        ({"parts": [{}, {"size": 1.5}]}, "it.parts[1]: size: got 1.5, allowed: a whole number"),
    ],
)
def test_bad_objects(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        read_object(Outer, {**DOCUMENT, **changes}, "it")


def test_objects_that_are_no_such_object() -> None:
    with pytest.raises(ConfigError, match="^it: got list, allowed: an object with needed,"):
        read_object(Outer, [], "it")
    with pytest.raises(ConfigError, match="^it: the field 'needed' is missing$"):
        read_object(Outer, {}, "it")
    with pytest.raises(ConfigError, match="^it: unknown field 'flag', allowed: needed,"):
        read_object(Outer, {"needed": 1, "flag": True}, "it", without=frozenset({"flag"}))
    with pytest.raises(ConfigError, match="^not JSON: "):
        parse_json("{")


@dataclass(frozen=True)
class Wider(Outer):
    wide: bool = False


def test_what_is_to_be_known_of_keys() -> None:
    facts = describe_keys(Wider)
    assert facts.keys() == text_keys(Wider).keys()
    assert facts["needed"] == KeyFacts("a number", None, Outer, "needed")
    assert facts["names"] == KeyFacts("names with one space between", "a", Outer, "names")
    assert facts["inner_size"] == KeyFacts("a whole number", "4", Inner, "size")
    assert facts["wide"] == KeyFacts("True, False", "False", Wider, "wide")
