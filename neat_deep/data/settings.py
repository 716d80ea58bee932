"""Which data set is read, how it is split and tokenised: what `[Data]` of an INI file sets. It needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from neat_deep.base.checks import check_choice, check_range
from neat_deep.base.errors import ConfigError
from neat_deep.base.fields import setting
from neat_deep.data.registry import DATASETS, IN_MEMORY

NEWEST_READING = 2  # of images of one's own; the older one passed over folders, and dropped transparency
TOKENS = ("word", "bpe", "torchtext")
END, MIDDLE = "end", "middle"
CUTS = (END, MIDDLE)


@dataclass(frozen=True)
class TextSettings:
    """How texts become token numbers."""

    tokens: str = "word"
    lowercase: bool = True
    vocabulary: int = 20_000  # most tokens of the training texts, the two special ones included; rarer ones are unknown
    min_count: int = 2  # what training texts hold less often is unknown, so that training sees unknown tokens too
    max_length: int = 256  # tokens of a text; those beyond are cut off
    own_validation: bool = True  # False: a validation part that the data comes with is split anew, with train
    vectors: str = ""  # file of word vectors in GloVe's text format that the embedding starts from
    vector_subwords: bool = False  # words without a vector get one from the pieces that they share with others
    vector_words: int = 0  # so many words of the file that would be unknown, its first ones, are known too
    phrases: bool = False  # of sst2: the training file has phrases too, as GLUE distributes it; sentences validate
    cut: str = END  # which tokens of a longer text go: those at its end, or those in its middle
    column: str = "sentence"  # of one's own texts: the column, or the key, that holds the text
    label_column: str = "label"  # and the one that holds the label

    def __post_init__(self) -> None:
        check_choice("tokens", self.tokens, TOKENS)
        check_range("vocabulary", self.vocabulary, low=3, high=10_000_000)
        check_range("min_count", self.min_count, low=1)
        check_range("max_length", self.max_length, low=1, high=100_000)
        check_range("vector_words", self.vector_words, low=0, high=10_000_000)
        check_choice("cut", self.cut, CUTS)
        if self.phrases and not self.own_validation:
            raise ConfigError(
                "own_validation: got False, allowed with phrases = True: True; a validation part that is split from"
                " phrases would hold parts of the sentences that train"
            )
        if self.column == self.label_column:
            raise ConfigError(f"label_column: got {self.label_column}, allowed: another column than that of the texts")
        if self.tokens == "torchtext" and not self.lowercase:
            raise ConfigError("lowercase: got False, allowed with tokens = torchtext: True; its tokenizer lowers all")
        if self.vectors and self.tokens == "bpe":
            raise ConfigError("vectors: they belong to whole words; allowed with tokens = word or torchtext")
        if self.vector_words and self.tokens != "word":
            raise ConfigError(f"vector_words: got {self.vector_words}, allowed with tokens = {self.tokens}: 0")
        if self.vector_subwords and self.tokens == "torchtext":
            raise ConfigError("vector_subwords: got True, allowed with tokens = torchtext: False")


@dataclass(frozen=True)
class DataSettings:
    """Which data set, and how it is split; raises `UnknownNameError` or `ConfigError` on creation."""

    dataset: str
    root: str = "data"
    validation: float = 0.1  # share of the training examples that selects; the rest trains
    split_seed: int = 0
    image_size: int = 32  # `image_folder` resizes its images to this side
    image_reading: int = setting(NEWEST_READING, before=1)  # of `image_folder`; 1 is for runs that began with it
    train_limit: int = 0  # training and validation examples together, each class at its share; 0: all
    text: TextSettings = field(default_factory=TextSettings)

    def __post_init__(self) -> None:
        if self.dataset != IN_MEMORY:
            DATASETS.get(self.dataset)
        check_share("validation", self.validation)
        check_range("split_seed", self.split_seed, low=0, high=2**62)
        check_range("image_size", self.image_size, low=4, high=1024)  # less shows nothing, more fills the memory
        check_range("image_reading", self.image_reading, low=1, high=NEWEST_READING)
        check_range("train_limit", self.train_limit, low=0)
        if self.text.phrases and self.dataset != "sst2":
            raise ConfigError(f"phrases: got True, which '{self.dataset}' does not have; allowed: with dataset = sst2")
        if self.dataset != IN_MEMORY and DATASETS.get(self.dataset).rank == 2:
            for key in ("vectors", "vector_subwords", "vector_words"):
                got = getattr(self.text, key)
                if got:
                    raise ConfigError(f"text_{key}: got {got}, allowed: with texts; '{self.dataset}' holds images")
        if self.dataset in ("sst2", "imdb"):
            for key, usual in (("column", TextSettings.column), ("label_column", TextSettings.label_column)):
                got = getattr(self.text, key)
                if got != usual:
                    raise ConfigError(
                        f"{key}: got {got}, which '{self.dataset}' does not have; allowed: with your own texts"
                    )

    @property
    def folder(self) -> Path:
        """`root` as a path, with the home folder in the place of `~`."""
        return Path(self.root).expanduser()

    def with_whole_paths(self) -> DataSettings:
        """The same with paths that mean the same from any working directory."""
        vectors = self.text.vectors and str(Path(self.text.vectors).expanduser().absolute())
        return replace(self, root=str(self.folder.absolute()), text=replace(self.text, vectors=vectors))


def check_share(key: str, value: float) -> None:
    """Raise `ConfigError` unless `value` lies between 0 and 1 and is neither."""
    if not 0 < value < 1:
        raise ConfigError(f"{key}: got {value}, allowed: more than 0 and less than 1")
