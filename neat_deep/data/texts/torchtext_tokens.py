"""torchtext's tokenizer and vocabulary, for those who have its last release."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from neat_deep.base.errors import ConfigError
from neat_deep.data.encoding import SPECIAL_TOKENS, UNKNOWN_TOKEN, Tokenizer, Vocabulary

NEEDED_TORCH = "2.3"


def torchtext_tokenizer(name: str = "basic_english") -> Tokenizer:
    """torchtext's tokenizer called `name`; raises `ConfigError` where torchtext cannot load."""
    from_torchtext: Tokenizer = import_torchtext("data").get_tokenizer(name)
    return from_torchtext


def torchtext_vocabulary(tokenised: Iterable[Sequence[str]], most: int, min_count: int) -> Vocabulary:
    """torchtext's vocabulary of the commonest tokens, at most `most`; raises `ConfigError` as above."""
    vocab: Any = import_torchtext("vocab").build_vocab_from_iterator(
        tokenised, min_freq=min_count, specials=list(SPECIAL_TOKENS), max_tokens=most
    )
    vocab.set_default_index(vocab[UNKNOWN_TOKEN])
    vocabulary: Vocabulary = vocab
    return vocabulary


def import_torchtext(part: str) -> Any:
    """The part `data`, `datasets` or `vocab` of torchtext; raises `ConfigError` where it cannot load."""
    version = torch.__version__
    if not version.startswith(f"{NEEDED_TORCH}."):
        raise ConfigError(
            f"torchtext's last release, 0.18.0, loads only with torch {NEEDED_TORCH}, got torch {version}; install"
            " 'neat-deep[torchtext]' into an environment of its own, or use tokens = word or bpe, which need no"
            " torchtext"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it is its last release
            import torchtext
            from torchtext import data, datasets, vocab
    except ImportError as error:
        raise ConfigError(f"torchtext is not installed ({error}); install 'neat-deep[torchtext]'") from None
    torchtext.disable_torchtext_deprecation_warning()
    return {"data": data, "datasets": datasets, "vocab": vocab}[part]
