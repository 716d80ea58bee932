"""From texts to token numbers: Hugging Face's tokenizers by default, any callables where they are given."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from neat_deep.base.errors import DataError
from neat_deep.data.encoding import SPECIAL_TOKENS, UNKNOWN_TOKEN, Encoder, Tokenizer, Vocabulary
from neat_deep.data.settings import TextSettings

# A word keeps its apostrophe (don't, n't), since a negation must not fall apart; so does an 's that stands alone, as
# in SST-2. Every other sign is a token. Nothing is left out.
APOSTROPHES = "'\u2019"
WORD = rf"[{APOSTROPHES}](?i:s|re|ve|ll|d|m)\b|\w+(?:[{APOSTROPHES}]\w+)*|[^\w\s]"
NOBODYS_WORD = "\x00"  # a token that no text holds


class WordNumbers:
    """A `Vocabulary` of our own: number 0 pads, 1 is what is unknown, then the words in their order."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = (*SPECIAL_TOKENS, *words)
        self._numbers = {word: number for number, word in enumerate(self.words)}

    def __call__(self, tokens: list[str]) -> list[int]:
        return [self._numbers.get(token, 1) for token in tokens]

    def __len__(self) -> int:
        return len(self.words)


def make_encoder(
    texts: Sequence[str],
    settings: TextSettings,
    tokenizer: Tokenizer | None = None,
    vocabulary: Vocabulary | None = None,
) -> Encoder:
    """The encoder that `settings` ask for, trained on `texts`, or made of the parts that are given.

    With only a tokenizer the vocabulary is counted from `texts`; with only a vocabulary `split_words` tokenises.
    Raises `ConfigError` for torchtext without its release of torch and `DataError` for parts that do not work.
    """
    if tokenizer is None and vocabulary is None:
        if settings.tokens != "torchtext":
            return _train_hugging_face(texts, settings)
        from neat_deep.data.texts.torchtext_tokens import torchtext_tokenizer, torchtext_vocabulary

        tokenizer = torchtext_tokenizer()
        vocabulary = torchtext_vocabulary(map(tokenizer, texts), settings.vocabulary, settings.min_count)
    if tokenizer is None:
        tokenizer = _split_lowercase if settings.lowercase else split_words
    if vocabulary is None:
        vocabulary = count_words(map(tokenizer, texts), settings.vocabulary, settings.min_count)
    return _join_parts(tokenizer, vocabulary)


def split_words(text: str) -> list[str]:
    """The words and signs of a text; a word keeps its apostrophe (`don't`, `n't`), nothing is left out."""
    return re.findall(WORD, text)


def count_words(tokenised: Iterable[Sequence[str]], most: int, min_count: int) -> WordNumbers:
    """The vocabulary of the commonest tokens, at most `most` with the special ones; ties go by the alphabet."""
    counts = Counter(token for tokens in tokenised for token in tokens)
    common = sorted((word for word, count in counts.items() if count >= min_count), key=lambda w: (-counts[w], w))
    return WordNumbers([word for word in common if word not in SPECIAL_TOKENS][: most - len(SPECIAL_TOKENS)])


def _split_lowercase(text: str) -> list[str]:
    return split_words(text.lower())


@dataclass(frozen=True)
class HuggingFaceEncoder:
    """An `Encoder` made of a `tokenizers.Tokenizer`."""

    tokenizer: Any
    size: int
    unknown: int

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The token numbers of each text."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def numbers_of(self, tokens: list[str]) -> list[int]:
        """The numbers of single tokens."""
        numbers = map(self.tokenizer.token_to_id, tokens)
        return [self.unknown if number is None else number for number in numbers]

    def words(self) -> list[str]:
        """The token of each number."""
        numbers: dict[str, int] = self.tokenizer.get_vocab()
        return sorted(numbers, key=lambda token: numbers[token])

    def leaves_whole(self, word: str) -> bool:
        """Whether a text that is `word` alone becomes the token `word`, if that is known."""
        normalizer, splitter = self.tokenizer.normalizer, self.tokenizer.pre_tokenizer
        text = word if normalizer is None else normalizer.normalize_str(word)
        pieces = [(text, None)] if splitter is None else splitter.pre_tokenize_str(text)
        return [piece for piece, _ in pieces] == [word]

    def to_json(self) -> str:
        """The tokenizer's own JSON, vocabulary and all."""
        text: str = self.tokenizer.to_str()
        return text


@dataclass(frozen=True)
class JoinedEncoder:
    """An `Encoder` made of any tokenizer and any vocabulary."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    size: int
    unknown: int

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The token numbers of each text."""
        return [list(self.vocabulary(list(self.tokenizer(text)))) for text in texts]

    def numbers_of(self, tokens: list[str]) -> Sequence[int]:
        """The numbers of single tokens."""
        return self.vocabulary(tokens)

    def words(self) -> Sequence[str]:
        """The token of each number, as our vocabulary or torchtext's tells it; nothing where another does not."""
        if isinstance(self.vocabulary, WordNumbers):
            return self.vocabulary.words
        tell = getattr(self.vocabulary, "get_itos", None)
        return [] if tell is None else list(tell())

    def to_json(self) -> str:
        """Nothing: a callable is code."""
        return ""


def with_words(encoder: HuggingFaceEncoder, words: Iterable[str]) -> HuggingFaceEncoder:
    """An encoder of whole words that also knows `words`, numbered in their order behind those that it knew."""
    document = json.loads(encoder.to_json())
    vocabulary: dict[str, int] = document["model"]["vocab"]
    for word in words:
        vocabulary.setdefault(word, len(vocabulary))
    return encoder_from_json(json.dumps(document))


def encoder_from_json(text: str) -> HuggingFaceEncoder:
    """The encoder whose `to_json` is `text`; raises `DataError` for anything else."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # noqa: BLE001 - tokenizers raises no narrower type
        raise DataError(f"tokenizer: not one of Hugging Face's: {error}") from None
    unknown = tokenizer.token_to_id(UNKNOWN_TOKEN)
    if unknown is None:
        raise DataError(f"tokenizer: it has no token {UNKNOWN_TOKEN}")
    return HuggingFaceEncoder(tokenizer, tokenizer.get_vocab_size(), unknown)


def _train_hugging_face(texts: Sequence[str], settings: TextSettings) -> HuggingFaceEncoder:
    # Imported here: image data sets need none of it.
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

    options: dict[str, Any] = {
        "vocab_size": settings.vocabulary,
        "min_frequency": settings.min_count,
        "special_tokens": list(SPECIAL_TOKENS),
        "show_progress": False,
    }
    trainer: Any
    tokenizer: Any
    words: Any = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)  # the pattern says what a word is
    if settings.tokens == "word":
        tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN_TOKEN))
        trainer = trainers.WordLevelTrainer(**options)
    else:
        tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN_TOKEN))
        # A sign before each word tells its start from its inside. A suffix would too, but then numbers differ by run.
        words = pre_tokenizers.Sequence([words, pre_tokenizers.Metaspace(prepend_scheme="always")])
    steps = [normalizers.NFC(), *([normalizers.Lowercase()] if settings.lowercase else [])]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = words
    if settings.tokens == "bpe":
        alphabet = _alphabet(tokenizer, texts, settings.vocabulary - len(SPECIAL_TOKENS))
        trainer = trainers.BpeTrainer(**options, initial_alphabet=alphabet, limit_alphabet=len(alphabet))
    tokenizer.train_from_iterator(texts, trainer)
    return HuggingFaceEncoder(tokenizer, tokenizer.get_vocab_size(), tokenizer.token_to_id(UNKNOWN_TOKEN))


def _alphabet(tokenizer: Any, texts: Sequence[str], most: int) -> list[str]:
    """The commonest signs that words are made of, at most `most`; ties go by the signs' order.

    Left to itself the trainer lets a vocabulary grow beyond its limit by the alphabet, and cuts ties by a hash that
    changes from call to call.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text)):
            counts.update(word)
    return sorted(counts, key=lambda sign: (-counts[sign], sign))[:most]


def _join_parts(tokenizer: Tokenizer, vocabulary: Vocabulary) -> JoinedEncoder:
    try:
        unknown = int(vocabulary([NOBODYS_WORD])[0])
    except (KeyError, RuntimeError, IndexError, TypeError) as error:  # torchtext's raises RuntimeError
        raise DataError(
            f"vocabulary: got no number for a token that it does not know ({str(error).splitlines()[0]}), allowed: one"
            " number for all of those; torchtext's has set_default_index"
        ) from None
    return JoinedEncoder(tokenizer, vocabulary, len(vocabulary), unknown)
