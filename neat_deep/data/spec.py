"""What a data set is to everything that trains on one: facts, batches, and three splits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from neat_deep.base.errors import ConfigError, DataError
from neat_deep.data.augmentation import Augmentation
from neat_deep.data.encoding import TextEncoding
from neat_deep.data.splits import stratified_subset


@dataclass(frozen=True)
class DataSpec:
    """The facts that a network is built from.

    `shape` is one example's: (C, H, W) for images (`rank` 2). `mean` and `std` have one number a channel, of pixels
    scaled to 0..1, and come from the training images only. Sequences (`rank` 1) have the shape (L,), L the longest
    training text's tokens; `vocabulary` counts the tokens that there are, and `vector_size` is the width of the word
    vectors that the embedding starts from (0: there are none).
    """

    name: str
    rank: int
    num_classes: int
    class_names: tuple[str, ...]
    shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    vocabulary: int = 0
    vector_size: int = 0


def check_holds_images(key: str, value: object, data: DataSpec, allowed: object = 0) -> None:
    """Raise `ConfigError` for the setting `key`, which is for images, where the data set holds texts."""
    if data.rank != 2:
        raise ConfigError(f"{key}: got {value}, allowed: {allowed}, since the data set '{data.name}' holds texts")


class Batch(NamedTuple):
    """Inputs (B, C, H, W) or (B, L), int64 labels (B,), and for sequences a mask (B, L) that is true at real tokens.

    Padding stands on the right, after the real tokens: reductions count on it.
    """

    inputs: Tensor
    labels: Tensor
    mask: Tensor | None = None

    @property
    def arguments(self) -> tuple[Tensor, ...]:
        """What a network is called with: the inputs, and the mask where there is one."""
        return (self.inputs,) if self.mask is None else (self.inputs, self.mask)


S = TypeVar("S", bound="Split")


class Split(Protocol):
    """Labelled examples on one device, read in batches."""

    @property
    def labels(self) -> Tensor:
        """The int64 labels (N,) of all examples, in order."""
        ...

    @property
    def groups_alike(self) -> bool:
        """Whether examples of a kind, as texts of one length, train together, so that no batch stands for them all."""
        ...

    def __len__(self) -> int: ...

    def to(self: S, device: torch.device) -> S:
        """The same examples on `device`."""
        ...

    def subset(self: S, indices: Tensor) -> S:
        """The examples at `indices`, in that order."""
        ...

    def join(self: S, other: S) -> S:
        """These examples, then those of `other`."""
        ...

    def digest(self) -> str:
        """A name of the examples: other ones, or the same in another order, have another."""
        ...

    def train_batches(
        self, batch_size: int, generator: torch.Generator, augmentation: Augmentation | None = None
    ) -> Iterator[Batch]:
        """Each example once, in an order that the CPU `generator` draws, as it draws the augmentation.

        Texts come with others of about their length. The last batch may be shorter, but never a single example
        (batch normalisation cannot train on one value): that one joins the batch before.
        """
        ...

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        """Each example once, never augmented: images in order, texts by their length."""
        ...


def part_of(split: Split, count: int, seed: int) -> Split:
    """`count` of the examples, each class at its share; 0: all of them. Raises what `stratified_subset` raises."""
    return split.subset(stratified_subset(split.labels, count, seed)) if count else split


@dataclass(frozen=True)
class Dataset:
    """A data set in its three parts; the test part is read when `read_test` is called, once, at the end.

    `load_test` is None where there is no test part, as for what an estimator is fitted to. `note` says what is unusual
    about the parts. `vectors` (vocabulary, D) are what a text's embedding starts from, and `encoding` made texts into
    token numbers. `rebuild` makes what `for_retraining` returns, where that is more than the same examples.
    """

    spec: DataSpec
    train: Split
    validation: Split
    load_test: Callable[[], Split] | None
    note: str = ""
    vectors: Tensor | None = field(default=None, repr=False)
    encoding: TextEncoding | None = field(default=None, repr=False)
    validation_trains: bool = False  # as after `for_retraining`
    rebuild: Callable[[], Dataset] | None = field(default=None, repr=False)

    @property
    def has_test(self) -> bool:
        """Whether there is a test part."""
        return self.load_test is not None

    def read_test(self) -> Split:
        """The test examples, read now; raises `DataError`, also where there is no test part (`has_test`).

        Their token numbers are this data set's: score what `retrain` returns on `for_retraining().read_test()`.
        """
        if self.load_test is None:
            raise DataError(f"data set '{self.spec.name}': it has no test part")
        return self.load_test()

    def train_and_validation(self) -> Split:
        """All examples that are not for testing."""
        return self.train.join(self.validation)

    def for_retraining(self) -> Dataset:
        """The data set with all examples that are not for testing to train on, when the search is over.

        The vocabulary of texts is theirs then, not only the training part's, so token numbers are others. Images stay
        normalised as they were. It is made once, when it is first asked for; of what it returns it is the same.
        """
        return self if self.validation_trains else self._whole

    @cached_property
    def _whole(self) -> Dataset:
        dataset = replace(self, train=self.train_and_validation()) if self.rebuild is None else self.rebuild()
        return replace(dataset, validation_trains=True, rebuild=None)
