"""What it takes to read texts as token numbers: the protocols of the parts, and the two that belong together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from neat_deep.data.settings import END

PADDING_TOKEN, UNKNOWN_TOKEN = SPECIAL_TOKENS = ("<pad>", "<unk>")  # numbers 0 and 1 of every vocabulary of ours

Tokenizer = Callable[[str], Sequence[str]]


class Vocabulary(Protocol):
    """Tokens to numbers of 0 to its length, one number for every token that it does not know."""

    def __call__(self, tokens: list[str]) -> Sequence[int]: ...

    def __len__(self) -> int: ...


class Encoder(Protocol):
    """A tokenizer and a vocabulary as one: texts to token numbers of 0 to `size` - 1.

    `unknown` is the number of every token that the vocabulary lacks.
    """

    @property
    def size(self) -> int: ...

    @property
    def unknown(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The token numbers of each text."""
        ...

    def numbers_of(self, tokens: list[str]) -> Sequence[int]:
        """The numbers of single tokens."""
        ...

    def words(self) -> Sequence[str]:
        """The token of each number; nothing where a caller's vocabulary does not tell."""
        ...

    def to_json(self) -> str:
        """The encoder for `encoder_from_json`; nothing for one that is made of a caller's callables."""
        ...


class TextEncoding(NamedTuple):
    """How the texts of a data set became token numbers: what a trained network needs to read other texts."""

    encoder: Encoder
    max_length: int  # tokens; those beyond are cut off
    cut: str = END  # where: one of `CUTS`

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The token numbers of each text, cut."""
        return [self._shortened(numbers) for numbers in self.encoder.encode(texts)]

    def _shortened(self, numbers: list[int]) -> list[int]:
        """The first tokens, or with `middle` as many of the first as of the last: reviews sum up at their end."""
        if self.cut == END or len(numbers) <= self.max_length:
            return numbers[: self.max_length]
        last = self.max_length // 2
        return numbers[: self.max_length - last] + numbers[len(numbers) - last :]
