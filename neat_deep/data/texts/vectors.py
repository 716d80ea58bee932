"""Word vectors that an embedding starts from: a file in GloVe's text format, or any words with their vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from neat_deep.base.errors import DataError, VectorError
from neat_deep.data.encoding import SPECIAL_TOKENS, Encoder
from neat_deep.data.texts.rows import read_lines, shorten
from neat_deep.data.texts.subwords import vectors_of_unknown
from neat_deep.data.texts.tokens import HuggingFaceEncoder, with_words

CHUNK = 10_000  # words that are looked up in one go
LARGEST = torch.finfo(torch.float32).max


class Vectors(Protocol):
    """Words `itos` and their `vectors` (words, D), in the names that torchtext gives them."""

    @property
    def itos(self) -> Sequence[str]: ...

    @property
    def vectors(self) -> Tensor: ...


class WordVectors(NamedTuple):
    """Words and their float32 vectors (words, D)."""

    itos: Sequence[str]
    vectors: Tensor


def read_vectors(path: Path, encoder: Encoder) -> WordVectors:
    """The vectors that a file in GloVe's text format (a line: a word, then its numbers) has for known words.

    Every line is checked; of a word that stands there twice the first counts, and the tokens that stand for no word are
    none. Raises `VectorError`, naming file and line, for a line with too few numbers, or more than the first one has,
    or a number that is none, and for a file without a known word.
    """
    known, _ = _known_and_others(path, encoder)
    return _as_vectors(known)


def learn_vectors(path: Path, encoder: HuggingFaceEncoder, count: int) -> tuple[HuggingFaceEncoder, WordVectors]:
    """The same, and behind them the first `count` words that are unknown, of those that the tokenizer leaves whole.

    The encoder that is returned knows these words too. Raises `VectorError` as `read_vectors` does.
    """
    known, others = _known_and_others(path, encoder, count, encoder.leaves_whole)
    vectors = _as_vectors(known | others)
    return with_words(encoder, vectors.itos), vectors


def _known_and_others(
    path: Path, encoder: Encoder, count: int = 0, is_wanted: Callable[[str], bool] = bool
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """The words of a file that `encoder` knows, and the first `count` others that are wanted, with their numbers."""
    known: dict[str, list[float]] = {}
    others: dict[str, list[float]] = {}
    for word, vector in _read(path):
        if encoder.numbers_of([word])[0] != encoder.unknown:
            known.setdefault(word, vector)
        elif len(others) < count and is_wanted(word):
            others.setdefault(word, vector)
    if not known:
        raise VectorError(f"{path}: none of its words is in the vocabulary of the training texts")
    return known, others


def _as_vectors(words: dict[str, list[float]]) -> WordVectors:
    return WordVectors(list(words), torch.tensor(list(words.values())))


def _read(path: Path) -> Iterator[tuple[str, list[float]]]:
    """The words of a file with their numbers, each line checked; raises `VectorError`."""
    size = 0
    for number, line in enumerate(_lines(path), 1):
        where = f"{path}:{number}"
        if not size:
            size = len(line.rstrip(" ").split(" ")) - 1
            if size < 2:
                raise VectorError(
                    f"{where}: got '{shorten(line)}', allowed: a word and 2 numbers or more with a space between; the"
                    " counts that word2vec puts into the first line are no part of GloVe's format"
                )
        word, vector = _parse(line, size, where, path)
        if word not in SPECIAL_TOKENS:
            yield word, vector


def _parse(line: str, size: int, where: str, path: Path) -> tuple[str, list[float]]:
    """The word of a line and its `size` numbers; raises `VectorError`."""
    word, *values = line.rstrip(" ").rsplit(" ", size)  # a few of GloVe's words hold spaces
    if len(values) != size or not word:
        raise VectorError(
            f"{where}: got {len(values)} numbers, allowed: a word and {size} numbers, as in the first line"
        )
    if " " in word and _is_number(word.rsplit(" ", 1)[1]):
        raise VectorError(
            f"{where}: got more than {size} numbers, but {path}:1 has {size}; allowed: as many in all lines, so one"
            " of the two is wrong"
        )
    try:
        vector = [float(value) for value in values]
    except ValueError:
        raise VectorError(f"{where}: got '{shorten(line)}', allowed: a word and {size} numbers") from None
    if not all(abs(value) <= LARGEST for value in vector):  # which is false for nan too
        raise VectorError(f"{where}: got '{shorten(line)}', allowed: numbers that float32 can hold")
    return word, vector


def embedding_matrix(vectors: Vectors, encoder: Encoder, *, subwords: bool = False) -> Tensor:
    """What an embedding of (vocabulary, D) starts from: the words' vectors, and random ones of their spread.

    The random ones, for tokens that have no vector, are the same each time; with `subwords` words get one from their
    pieces instead. Raises `VectorError` when no token has one, and for `subwords` of a vocabulary that
    does not tell its words.
    """
    numbers: list[int] = []
    words = list(vectors.itos)
    for start in range(0, len(words), CHUNK):
        numbers += encoder.numbers_of(words[start : start + CHUNK])
    rows = torch.tensor(numbers, dtype=torch.long)
    known = rows != encoder.unknown
    if not known.any():
        raise VectorError(f"vectors: got {len(words)} words, none of them in the vocabulary of the training texts")
    given = vectors.vectors[known].float()
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(encoder.size, given.shape[1], generator=generator) * given.std()
    matrix[rows[known]] = given
    if subwords:
        tokens = _tokens_of(encoder)
        lacking = sorted(set(range(len(SPECIAL_TOKENS), encoder.size)) - set(rows[known].tolist()))
        words = [tokens[number] for number in rows[known].tolist()]
        matrix[lacking] = vectors_of_unknown(words, given, [tokens[number] for number in lacking])
    return matrix


def _tokens_of(encoder: Encoder) -> list[str]:
    """The token of each number."""
    words = encoder.words()
    if not words:
        raise VectorError(
            "vector_subwords: got True, which needs the words of the vocabulary; allowed for a vocabulary that does not"
            " tell them: False"
        )
    return list(words)


def _lines(path: Path) -> Iterator[str]:
    try:
        yield from read_lines(path)
    except DataError as error:
        raise VectorError(str(error)) from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
