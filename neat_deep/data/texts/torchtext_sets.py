"""torchtext's data sets, for those who have its last release."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch

from neat_deep.base.errors import ConfigError, DataError
from neat_deep.data.texts.text_split import LabelledTexts, TextSource
from neat_deep.data.texts.torchtext_tokens import import_torchtext


def torchtext_source(name: str, root: str) -> TextSource:
    """torchtext's data set called `name` (IMDB, AG_NEWS, ...), read from or downloaded to `root` by torchtext.

    Where the test part has no labels, as SST2's, the part `dev` tests, which the source's note says. Raises
    `ConfigError` where torchtext cannot load or has no such data set, and `DataError` for one that cannot be read or
    has no labels.
    """
    known = import_torchtext("datasets").DATASETS
    if name not in known:
        raise ConfigError(f"torchtext data set: got '{name}', allowed: {', '.join(known)}")
    return source_from_parts(lambda part: known[name](root=root, split=part), f"torchtext's {name}")


def source_from_parts(read: Callable[[str], Iterable[Any]], name: str) -> TextSource:
    """The source of a data set whose parts `train`, `test` and `dev` are what `read` returns for these names.

    `dev` is read in the place of a `test` without labels. Raises `DataError`, naming what could not be read.
    """
    train, test = _read_part(read, name, "train"), _read_part(read, name, "test")
    if any(_has_label(pair) for pair in test):
        return source_from_pairs(train, test, name)
    dev = _read_part(read, name, "dev")
    source = source_from_pairs(train, dev, name, test_part="dev")
    return replace(source, note=f"the test part of {name} has no labels: dev is the test set")


def _read_part(read: Callable[[str], Iterable[Any]], name: str, part: str) -> list[Any]:
    try:
        return list(read(part))
    except Exception as error:  # noqa: BLE001 - downloads, archives and decoders of others raise what they like
        reason = " ".join(str(error).split())
        raise DataError(f"{name}, {part}: cannot be read: {type(error).__name__}: {reason:.300}") from None


def _has_label(pair: Any) -> bool:
    return isinstance(pair, tuple | list) and any(isinstance(item, int) for item in pair)


def source_from_pairs(train: Iterable[Any], test: Iterable[Any], name: str, test_part: str = "test") -> TextSource:
    """A source of pairs of a label and a text, or of a text and a label: torchtext's data sets yield either.

    The validation part is split from `train`. Raises `DataError`, naming the part and the pair.
    """
    texts, values = _take_apart(train, f"{name}, train")
    known = sorted(set(values))
    if len(known) < 2:
        raise DataError(f"{name}, train: classes: got {', '.join(map(str, known)) or 'none'}, allowed: 2 or more")
    return TextSource(
        tuple(map(str, known)),
        _labelled(texts, values, known, f"{name}, train"),
        None,
        _labelled(*_take_apart(test, f"{name}, {test_part}"), known, f"{name}, {test_part}"),
    )


def _take_apart(pairs: Iterable[Any], where: str) -> tuple[list[str], list[int]]:
    texts, labels = [], []
    for number, pair in enumerate(pairs, 1):
        pair = pair if isinstance(pair, tuple | list) else (pair,)
        words = [item for item in pair if isinstance(item, str)]
        values = [item for item in pair if isinstance(item, int)]
        if len(words) != 1 or len(values) != 1:
            raise DataError(f"{where}, example {number}: got {pair!r:.80}, allowed: a whole number and a text")
        texts += words
        labels += values
    return texts, labels


def _labelled(texts: list[str], values: list[int], known: list[int], where: str) -> LabelledTexts:
    for number, value in enumerate(values, 1):
        if value not in known:
            raise DataError(f"{where}, example {number}: label: got {value}, allowed: {', '.join(map(str, known))}")
    places = tuple(f"{where}, example {number}" for number in range(1, len(texts) + 1))
    return LabelledTexts(tuple(texts), torch.tensor([known.index(value) for value in values]), places)
