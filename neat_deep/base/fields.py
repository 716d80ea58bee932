"""One reader of settings and documents: the texts of an INI section, or a JSON object, become a frozen dataclass.

The dataclass says it all: names, types, defaults, and what an older program did (`setting`). It checks its own bounds
when it is made (`base.checks`), so a Python caller meets the same ones.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from neat_deep.base.errors import ConfigError, unknown_name

Kind = TypeVar("Kind")
Value = TypeVar("Value")

_BEFORE, _IN_FILES = "before", "in_files"  # what a field's metadata say
_SAME: Any = object()


def setting(default: Value, *, before: Value = _SAME, in_files: bool = True) -> Value:
    """A dataclass field with a default.

    `before` is the value with which the program does what it did when it did not know the field: a run that was stored
    without the field is resumed with it, so the default may be another. Without `in_files` no INI file can set it.
    """
    metadata = {_IN_FILES: in_files, **({} if before is _SAME else {_BEFORE: before})}
    field: Any = dataclasses.field(default=default, metadata=metadata)
    return typing.cast(Value, field)


# --- INI: texts under flat keys --------------------------------------------------------------------------------------


def read_texts(kind: type[Kind], texts: Mapping[str, str], *, stored: bool = False) -> Kind:
    """The dataclass `kind` from texts by key; raises `ConfigError` or `UnknownNameError`, which begins with the key.

    A key is a field's name. A field that is a dataclass itself lends its fields as keys with its name before them, as
    `augmentation_shift`. With `stored` the texts are those of an earlier run, and keys that they lack take the value
    that the program had before it knew them.
    """
    keys = _keys(kind)
    for key in texts:
        if key not in keys:
            raise unknown_name("key", key, keys)
    return _make(kind, {key: _parse(key, text, *keys[key]) for key, text in texts.items()}, stored)


def text_keys(kind: type[Any]) -> dict[str, Any]:
    """The keys that an INI section of a settings dataclass may hold, and their types."""
    return {key: hint for key, (_, hint) in _keys(kind).items()}


@dataclasses.dataclass(frozen=True)
class KeyFacts:
    """What a person may want to know of an INI key.

    `allowed` says in words what is read; `default` is the text that stands for the default, None where a value must be
    given. `owner` is the dataclass that has the key as its field `field`.
    """

    allowed: str
    default: str | None
    owner: type[Any]
    field: str


def describe_keys(kind: type[Any]) -> dict[str, KeyFacts]:
    """The keys that an INI section of a settings dataclass may hold, with what is to be known of each."""
    facts = {}
    for key, (f, hint) in _keys(kind).items():
        _, allowed = _READERS.get(hint, _READERS[str])
        owner = _owner(kind, key, f.name)
        facts[key] = KeyFacts(allowed, None if _required(f) else text_of(f.default), owner, f.name)
    return facts


def _owner(kind: type[Any], key: str, name: str) -> type[Any]:
    """The class whose field a key is: a dataclass within `kind`, or the one of its bases that declares the field."""
    if key != name:
        for f, hint in _fields(kind):
            if dataclasses.is_dataclass(hint) and key.startswith(f"{f.name}_"):
                return _owner(typing.cast(type, hint), key.removeprefix(f"{f.name}_"), name)
    return next(base for base in reversed(kind.__mro__) if name in getattr(base, "__dataclass_fields__", {}))


def values_of(settings: Any) -> dict[str, Any]:
    """The values of a settings dataclass, under the keys that an INI section has for them.

    An empty text that is the default is left out: nothing given is what it means.
    """
    values: dict[str, Any] = {}
    for f in dataclasses.fields(settings):
        value = getattr(settings, f.name)
        if dataclasses.is_dataclass(value):
            values.update({f"{f.name}_{key}": inner for key, inner in values_of(value).items()})
        elif (value, f.default) != ("", "") and f.metadata.get(_IN_FILES, True):
            values[f.name] = value
    return values


def text_of(value: Any) -> str:
    """The text that is read as `value`."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def ini_text(value: Any) -> str:
    """The text of `value` in an INI file: as it is where that is read back, else in double quotes, as JSON has it.

    Raises `ConfigError` for a list with a name that none can hold.
    """
    text = text_of(value)
    if isinstance(value, tuple):
        if any(not _is_plain(word) or " " in word for word in map(str, value)):
            raise ConfigError(f"got {value!r}, allowed: names without spaces, '#' and ';'")
        return text
    return json.dumps(text) if isinstance(value, str) and not _is_plain(text) else text


def _is_plain(text: str) -> bool:
    """Whether a text is read back without quotes: a comment, a line's end or a blank at an end would change it."""
    return bool(text) and text == text.strip() and text.isprintable() and text[0] != '"' and not set("#;") & set(text)


def _unquoted(key: str, text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, str):
        raise ConfigError(
            f'{key}: got {text}, allowed: a text in double quotes, with \\" for one within, or without any'
        )
    return value


def _keys(kind: type[Any]) -> dict[str, tuple[dataclasses.Field[Any], Any]]:
    keys = {}
    for f, hint in _fields(kind):
        if dataclasses.is_dataclass(hint):
            keys.update({f"{f.name}_{key}": inner for key, inner in _keys(typing.cast(type, hint)).items()})
        elif f.metadata.get(_IN_FILES, True):
            keys[f.name] = f, hint
    return keys


def _make(kind: type[Kind], values: Mapping[str, Any], stored: bool) -> Kind:
    own = dict(values)
    for f, hint in _fields(kind):
        if dataclasses.is_dataclass(hint):
            prefix = f"{f.name}_"
            inner = {key.removeprefix(prefix): own.pop(key) for key in values if key.startswith(prefix)}
            try:
                own[f.name] = _make(typing.cast(type, hint), inner, stored)
            except ConfigError as error:
                raise ConfigError(f"{prefix}{error}") from None
    return _create(kind, own, "key", stored)


def _whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split())


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(word) for word in text.split())


def _names(text: str) -> tuple[str, ...]:
    """The names in a list with single spaces between; a name that is empty is an accident of typing."""
    names = tuple(text.split(" "))
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
    tuple[float, ...]: (_numbers, "numbers with spaces between"),
    tuple[str, ...]: (_names, "names with one space between"),
    str: (str, "a text"),
}


def _parse(key: str, text: str, f: dataclasses.Field[Any], hint: Any) -> Any:
    reader, allowed = _READERS.get(hint, _READERS[str])  # a Literal is a text that its class checks
    if reader is str and text[:1] == text[-1:] == '"' and len(text) > 1:
        return _unquoted(key, text)
    if "#" in text or ";" in text:
        quotes = f"; a text that holds one stands in double quotes: {json.dumps(text)}" if reader is str else ""
        raise ConfigError(f"{key}: got '{text}'; a comment needs a line of its own{quotes}")
    if not text.strip():
        if f.default == ():  # no name or number is what such a list holds unless one is given
            return ()
        raise ConfigError(f"{key}: got nothing, allowed: {allowed}")
    try:
        return reader(text)
    except (ValueError, KeyError):
        raise ConfigError(f"{key}: got '{text}', allowed: {allowed}") from None


# --- JSON: values in nested objects ----------------------------------------------------------------------------------


def parse_json(text: str) -> Any:
    """The value that a JSON text stands for; raises `ConfigError`."""
    if not text.strip():
        raise ConfigError("not JSON: the file is empty")
    try:
        return json.loads(text)
    except RecursionError:
        raise ConfigError("not JSON of ours: lists or objects are nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits is no JSONDecodeError
        raise ConfigError(f"not JSON: {error}") from None


def read_object(kind: type[Kind], data: object, where: str, *, without: frozenset[str] = frozenset()) -> Kind:
    """The dataclass `kind` from a JSON object; raises `ConfigError`, which begins with `where`.

    Fields that are dataclasses, or tuples of them, are read from objects and lists within. Each value must be of its
    type; a whole number may stand for any number. A document may leave out fields with a default, since it may be older
    than they are: they take the value that the program had before it knew them. Fields in `without` are not allowed.
    Other errors are those that `kind` raises of itself.
    """
    hints = {f.name: hint for f, hint in _fields(kind) if f.name not in without}
    if not isinstance(data, dict):
        raise ConfigError(f"{where}: got {type(data).__name__}, allowed: an object with {', '.join(hints)}")
    for name in data:
        if name not in hints:
            near = difflib.get_close_matches(str(name), hints, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ","
            raise ConfigError(f"{where}: unknown field '{name}'{hint} allowed: {', '.join(hints)}")
    values = {name: _convert(value, hints[name], where, name) for name, value in data.items()}
    try:
        return _create(kind, values, "field", stored=True)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


_KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "true, false", dict: "an object"}


def _convert(value: object, hint: Any, where: str, name: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return read_object(typing.cast(type, hint), value, f"{where}.{name}")
    origin = typing.get_origin(hint) or hint
    if origin is not tuple:
        kind = str if origin is typing.Literal else origin
        if not _is(value, kind):
            raise ConfigError(f"{where}: {name}: got {value!r}, allowed: {_KINDS[kind]}")
        return value
    if not isinstance(value, list):
        raise ConfigError(f"{where}: {name}: got {value!r}, allowed: a list")
    item = typing.get_args(hint)[0]
    if dataclasses.is_dataclass(item):
        read = typing.cast(type, item)
        return tuple(read_object(read, entry, f"{where}.{name}[{index}]") for index, entry in enumerate(value))
    if not all(_is(entry, item) for entry in value):
        raise ConfigError(f"{where}: {name}: got {value}, allowed: {_KINDS[item]} at each place")
    return tuple(value)


def _is(value: object, kind: type) -> bool:
    return type(value) in ((int, float) if kind is float else (kind,))  # True is no number here


# --- both ------------------------------------------------------------------------------------------------------------


def values_before(kind: type[Any]) -> dict[str, Any]:
    """The fields of a dataclass that have a default, with what the program did before it knew them."""
    return {f.name: _before(f) for f, _ in _fields(kind) if not _required(f)}


_known_fields: dict[type[Any], tuple[tuple[dataclasses.Field[Any], Any], ...]] = {}


def _fields(kind: type[Any]) -> tuple[tuple[dataclasses.Field[Any], Any], ...]:
    """Its fields and their types, read once: resolving the hints takes most of the time of reading a file."""
    if kind not in _known_fields:
        hints = typing.get_type_hints(kind)
        _known_fields[kind] = tuple((f, hints[f.name]) for f in dataclasses.fields(kind))
    return _known_fields[kind]


def _required(f: dataclasses.Field[Any]) -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def _before(f: dataclasses.Field[Any]) -> Any:
    default = f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
    return f.metadata.get(_BEFORE, default)


def _create(kind: type[Kind], values: Mapping[str, Any], what: str, stored: bool) -> Kind:
    for f, _ in _fields(kind):
        if _required(f) and f.name not in values:
            raise ConfigError(f"the {what} '{f.name}' is missing")
    before = values_before(kind) if stored else {}
    return kind(**{**before, **values})
