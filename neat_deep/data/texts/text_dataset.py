"""From read texts to a data set: tokenised once, by what the training part holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from neat_deep.base.errors import ConfigError, DataError, VectorError
from neat_deep.data.encoding import Encoder, TextEncoding, Tokenizer, Vocabulary
from neat_deep.data.settings import TextSettings
from neat_deep.data.spec import Dataset, DataSpec
from neat_deep.data.texts.rows import shorten
from neat_deep.data.texts.spelling import spell
from neat_deep.data.texts.text_split import LabelledTexts, TextSource, TextSplit, join_texts
from neat_deep.data.texts.tokens import HuggingFaceEncoder, make_encoder
from neat_deep.data.texts.vectors import Vectors, embedding_matrix, learn_vectors, read_vectors


@dataclass(frozen=True)
class TextParts:
    """A caller's own tokenizer (any callable), vocabulary and word vectors; torchtext's fit. None: as the settings say.

    A vocabulary maps a list of tokens to their numbers and has a length. What the settings say about a part that is
    given is not read: a tokenizer of one's own lowers what it likes.
    """

    tokenizer: Tokenizer | None = None
    vocabulary: Vocabulary | None = None
    vectors: Vectors | None = None


def make_text_dataset(
    name: str, source: TextSource, train: Tensor, validation: Tensor, settings: TextSettings, parts: TextParts
) -> Dataset:
    """The data set `name`, with the texts at the indices `train` and `validation`.

    The vocabulary comes from the training texts alone, that of `for_retraining` from theirs and those that validate;
    `vector_words` adds words from the file of vectors.
    `validation` counts within the source's own validation part, where it has one, else within its train part. Raises
    `DataError` for a text without a token, naming its place.
    """
    training = _choose(source.train, train)
    validating = _choose(source.train if source.validation is None else source.validation, validation)
    rebuild = partial(_build, name, source, join_texts(training, validating), validating, settings, parts)
    return replace(_build(name, source, training, validating, settings, parts), rebuild=rebuild)


def _build(
    name: str,
    source: TextSource,
    training: LabelledTexts,
    validating: LabelledTexts,
    settings: TextSettings,
    parts: TextParts,
) -> Dataset:
    encoder = make_encoder(training.texts, settings, parts.tokenizer, parts.vocabulary)
    encoder, vectors = _with_vectors(encoder, settings, parts)
    matrix = None if vectors is None else embedding_matrix(vectors, encoder, subwords=settings.vector_subwords)
    spec = DataSpec(
        name=name,
        rank=1,
        num_classes=len(source.class_names),
        class_names=source.class_names,
        shape=(settings.max_length,),
        mean=(),
        std=(),
        vocabulary=encoder.size,
        vector_size=0 if matrix is None else matrix.shape[1],
    )
    encoding = TextEncoding(encoder, settings.max_length, settings.cut)
    words = encoder.words()
    if words and len(words) != encoder.size:
        raise DataError(
            f"vocabulary: it tells {len(words)} words, but has a length of {encoder.size}; allowed: as many"
        )
    split = replace(encode_texts(training, encoding, spec), spelling=spell(words) if words else None)
    spec = replace(spec, shape=(int(split.lengths.max()),))
    # Now: a bad line costs no search.
    test = None if source.test is None else encode_texts(source.test, encoding, spec)
    return Dataset(
        spec=spec,
        train=replace(split, spec=spec),
        validation=encode_texts(validating, encoding, spec),
        load_test=None if test is None else partial(_itself, test),
        note=source.note,
        vectors=matrix,
        encoding=encoding,
    )


def _with_vectors(encoder: Encoder, settings: TextSettings, parts: TextParts) -> tuple[Encoder, Vectors | None]:
    """The word vectors, None without any, and the encoder, which may learn words from their file.

    Raises `ConfigError` for settings that need vectors where there are none.
    """
    if parts.vectors is not None:
        return encoder, parts.vectors
    if not settings.vectors:
        for key, value in (("subwords", settings.vector_subwords), ("words", settings.vector_words)):
            if value:
                raise ConfigError(f"text_vector_{key}: got {value}, allowed without text_vectors: {type(value)()}")
        return encoder, None
    path = Path(settings.vectors).expanduser()
    if not settings.vector_words:
        return encoder, read_vectors(path, encoder)
    if not isinstance(encoder, HuggingFaceEncoder):
        raise VectorError(
            f"vector_words: got {settings.vector_words}, allowed for a vocabulary or tokenizer of one's own, which"
            " learns no words: 0"
        )
    return learn_vectors(path, encoder, settings.vector_words)


def encode_texts(texts: LabelledTexts, encoding: TextEncoding, spec: DataSpec) -> TextSplit:
    """Texts as one tensor of token numbers; raises `DataError`, naming a text's place."""
    numbers = encoding.encode(texts.texts)
    for text, tokens, place in zip(texts.texts, numbers, texts.places, strict=True):
        if not tokens:
            raise DataError(f"{place}: the tokenizer finds no token in '{shorten(text)}'")
    return TextSplit(
        _flatten(numbers),
        torch.tensor([len(tokens) for tokens in numbers]),
        texts.labels,
        spec,
        encoding.encoder.unknown,
    )


def _itself(test: TextSplit) -> TextSplit:
    return test  # a lambda could not travel to another process


def _flatten(numbers: Sequence[Sequence[int]]) -> Tensor:
    return torch.tensor(list(chain.from_iterable(numbers)), dtype=torch.int32)


def _choose(texts: LabelledTexts, indices: Tensor) -> LabelledTexts:
    chosen = indices.tolist()
    return LabelledTexts(
        tuple(texts.texts[index] for index in chosen), texts.labels[indices], tuple(texts.places[i] for i in chosen)
    )
