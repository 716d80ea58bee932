"""Vectors of words that have none, from their pieces."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from neat_deep.base.errors import VectorError
from neat_deep.data import TextSettings
from neat_deep.data.texts.subwords import vectors_of_unknown
from neat_deep.data.texts.tokens import make_encoder
from neat_deep.data.texts.vectors import WordVectors, embedding_matrix

STEMS = [a + b for a, b in itertools.product("bdfgklmnprst", ["amo", "eli", "oru", "usa"])]
ENDINGS = ["ing", "ness", "able", "ful", "ity"]


def meanings() -> dict[str, torch.Tensor]:
    """Made-up words whose vector is that of the stem and that of the ending together."""
    generator = torch.Generator().manual_seed(0)
    parts = {part: torch.randn(16, generator=generator) for part in [*STEMS, *ENDINGS]}
    return {stem + ending: parts[stem] + parts[ending] for stem in STEMS for ending in ENDINGS}


def test_a_new_word_made_of_known_pieces_has_about_its_vector() -> None:
    known = meanings()
    new = [word for number, word in enumerate(known) if number % 7 == 0]
    words = [word for word in known if word not in new]
    found = vectors_of_unknown(words, torch.stack([known[word] for word in words]), new)
    likeness = torch.cosine_similarity(found, torch.stack([known[word] for word in new]))
    assert likeness.min() > 0.7 and likeness.mean() > 0.9


def test_a_word_without_a_known_piece_has_the_mean_vector() -> None:
    vectors = torch.randn(2, 5, generator=torch.Generator().manual_seed(1))
    found = vectors_of_unknown(["walking", "talking"], vectors, ["qzxj"])
    torch.testing.assert_close(found[0], vectors.mean(0))


def test_the_embedding_starts_from_them_where_the_settings_say_so() -> None:
    known = meanings()
    words = list(known)[:-1]
    vectors = WordVectors(words, torch.stack([known[word] for word in words]))
    text = " ".join(known)
    encoder = make_encoder([text, text], TextSettings())
    (number,) = encoder.numbers_of([list(known)[-1]])
    plain, guessed = (embedding_matrix(vectors, encoder, subwords=subwords) for subwords in (False, True))
    same = [row for row in range(encoder.size) if row != number]
    assert torch.equal(plain[same], guessed[same])
    assert torch.cosine_similarity(guessed[number], known[list(known)[-1]], dim=0) > 0.7
    assert torch.equal(guessed, embedding_matrix(vectors, encoder, subwords=True))


class Lengths:
    """A caller's vocabulary, which does not tell its words."""

    def __call__(self, tokens: list[str]) -> list[int]:
        return [len(token) for token in tokens]

    def __len__(self) -> int:
        return 20


def test_a_vocabulary_that_does_not_tell_its_words_lends_no_pieces() -> None:
    vectors = WordVectors(["walking"], torch.ones(1, 3))
    encoder = make_encoder(["walking talking"] * 2, TextSettings(), vocabulary=Lengths())
    with pytest.raises(VectorError, match="vector_subwords: got True, which needs the words of the vocabulary"):
        embedding_matrix(vectors, encoder, subwords=True)
    encoder = make_encoder(["walking talking"] * 2, TextSettings(), tokenizer=str.split)
    assert embedding_matrix(vectors, encoder, subwords=True).shape == (4, 3)


@pytest.mark.real_data
def test_pieces_tell_much_of_real_words(real_data: str) -> None:
    """A tenth of GloVe's words, guessed from the others, against the mean vector that a word would have otherwise."""
    file = Path(real_data) / "glove" / "glove50.txt"
    if not file.is_file():
        pytest.skip("the folder of real data has no glove")
    lines = [line.split(" ") for line in file.read_text().splitlines()]
    words = [line[0] for line in lines]
    vectors = torch.tensor([[float(value) for value in line[1:]] for line in lines])
    held = torch.arange(len(words)) % 10 == 0
    new = [word for word, out in zip(words, held.tolist(), strict=True) if out]
    rest = [word for word, out in zip(words, held.tolist(), strict=True) if not out]
    found = vectors_of_unknown(rest, vectors[~held], new)
    mean = vectors[~held].mean(0)
    likeness = torch.cosine_similarity(found - mean, vectors[held] - mean).mean()
    assert likeness > 0.3
