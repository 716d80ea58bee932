"""Texts that lie on the device as token numbers, one after the other, and leave it as batches padded on the right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

from neat_deep.base.checks import check_range
from neat_deep.base.errors import DataError
from neat_deep.data.augmentation import Augmentation, check_augmentation
from neat_deep.data.batching import batch_bounds
from neat_deep.data.digest import digest_tensors
from neat_deep.data.spec import Batch, DataSpec

PADDING = 0  # what stands where a text has ended; the mask hides it from everything, so any number would do
POOL = 20  # training batches whose texts are sorted by length together
TOKENS_AT_ONCE = 1 << 16  # in a batch that is scored, padding included: long texts come in small batches


@dataclass(frozen=True, eq=False, repr=False)  # tensors have no truth value, and fill the screen
class TextSplit:
    """Texts as one tensor of token numbers (T,) and their lengths (N,), with int64 labels (N,): a `Split`.

    Batches hold int64 token numbers (B, L), L the longest of the batch, and a mask (B, L) that is true at real
    tokens. `unknown` is the number that word dropout puts in a token's place. `spelling` (vocabulary, `SPELLED`) has
    the characters of each token, as `spell` makes them, and is None where a caller's vocabulary does not tell them.
    Raises `DataError` for parts that do not fit each other or `spec`, and for a text without a token.
    """

    tokens: Tensor
    lengths: Tensor
    labels: Tensor
    spec: DataSpec
    unknown: int = 1
    spelling: Tensor | None = None
    _starts: Tensor = field(init=False)

    def __post_init__(self) -> None:
        name = self.spec.name
        if not len(self.lengths) or int(self.lengths.min()) < 1:
            raise DataError(f"texts of {name}: allowed: 1 or more, each with 1 token or more")
        if int(self.lengths.sum()) != len(self.tokens):
            raise DataError(f"texts of {name}: got {len(self.tokens)} tokens, lengths say {int(self.lengths.sum())}")
        _check_numbers(f"tokens of {name}", self.tokens, self.spec.vocabulary)
        if self.labels.dtype != torch.int64 or self.labels.shape != self.lengths.shape:
            raise DataError(
                f"labels of {name}: got {self.labels.dtype} of shape {tuple(self.labels.shape)},"
                f" allowed: torch.int64 of shape {tuple(self.lengths.shape)}"
            )
        _check_numbers(f"labels of {name}", self.labels, self.spec.num_classes)
        object.__setattr__(self, "_starts", self.lengths.cumsum(0) - self.lengths)

    @property
    def groups_alike(self) -> bool:
        """True: a batch holds texts of about one length."""
        return True

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> TextSplit:
        """The same texts on `device`."""
        return replace(
            self, tokens=self.tokens.to(device), lengths=self.lengths.to(device), labels=self.labels.to(device)
        )

    def subset(self, indices: Tensor) -> TextSplit:
        """A copy of the texts at `indices`, in that order."""
        indices = indices.to(self.tokens.device)
        return replace(self, tokens=self._gather(indices), lengths=self.lengths[indices], labels=self.labels[indices])

    def join(self, other: TextSplit) -> TextSplit:
        """These texts, then those of `other`."""
        return replace(
            self,
            tokens=torch.cat([self.tokens, other.tokens]),
            lengths=torch.cat([self.lengths, other.lengths]),
            labels=torch.cat([self.labels, other.labels]),
        )

    def digest(self) -> str:
        """A name of the texts, as token numbers, and their labels."""
        return digest_tensors(self.tokens, self.lengths, self.labels)

    def train_batches(
        self, batch_size: int, generator: torch.Generator, augmentation: Augmentation | None = None
    ) -> Iterator[Batch]:
        """Each text once, with others of about its length, batches in random order; `generator` is a CPU generator.

        A last batch of a single text joins the one before. Raises `ConfigError` for a batch size below 1 and for an
        augmentation that is for images.
        """
        check_range("batch_size", batch_size, low=1)
        augmentation = augmentation or Augmentation()
        check_augmentation(augmentation, self.spec.rank)
        return self._train_batches(batch_size, generator, augmentation)

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        """Each text once, the shortest first, never augmented; long texts come in batches of fewer.

        Raises `ConfigError` for a batch size below 1.
        """
        check_range("batch_size", batch_size, low=1)
        return self._eval_batches(batch_size)

    def _train_batches(
        self, batch_size: int, generator: torch.Generator, augmentation: Augmentation
    ) -> Iterator[Batch]:
        order = torch.randperm(len(self), generator=generator)
        lengths = self.lengths.cpu()[order]
        pools = zip(order.split(POOL * batch_size), lengths.split(POOL * batch_size), strict=True)
        order = torch.cat([chosen[longs.argsort(stable=True)] for chosen, longs in pools])
        bounds = batch_bounds(len(self), batch_size)
        for number in torch.randperm(len(bounds), generator=generator).tolist():
            batch = self._batch(order[slice(*bounds[number])].to(self.tokens.device))
            if augmentation.token_cutoff:
                batch = _take_out(batch, augmentation.token_cutoff, generator)
            if augmentation.word_dropout:
                batch = _drop_words(batch, augmentation.word_dropout, self.unknown, generator)
            yield batch

    def _eval_batches(self, batch_size: int) -> Iterator[Batch]:
        lengths, order = self.lengths.cpu().sort(stable=True)
        while len(order):
            longest = lengths[:batch_size]  # of a batch of 1, 2, ... texts
            fits = longest * torch.arange(1, len(longest) + 1) <= TOKENS_AT_ONCE
            count = max(1, int(fits.sum()))
            yield self._batch(order[:count].to(self.tokens.device))
            lengths, order = lengths[count:], order[count:]

    def _batch(self, chosen: Tensor) -> Batch:
        lengths = self.lengths[chosen]
        places = torch.arange(int(lengths.max()), device=lengths.device)
        mask = places < lengths[:, None]  # (B, L)
        inputs = torch.full(mask.shape, PADDING, dtype=torch.int64, device=mask.device)
        inputs[mask] = self._gather(chosen).long()
        return Batch(inputs, self.labels[chosen], mask)

    def _gather(self, chosen: Tensor) -> Tensor:
        """The tokens of the texts `chosen`, one text after the other."""
        lengths = self.lengths[chosen]
        ends = lengths.cumsum(0)
        shift = (self._starts[chosen] - (ends - lengths)).repeat_interleave(lengths)
        return self.tokens[torch.arange(int(ends[-1]), device=shift.device) + shift]


class LabelledTexts(NamedTuple):
    """Texts, int64 labels (N,), and where each text stands (`file:line`), for messages about it."""

    texts: tuple[str, ...]
    labels: Tensor
    places: tuple[str, ...]


def join_texts(first: LabelledTexts, second: LabelledTexts) -> LabelledTexts:
    """The texts of `first`, then those of `second`."""
    return LabelledTexts(
        first.texts + second.texts, torch.cat([first.labels, second.labels]), first.places + second.places
    )


@dataclass(frozen=True)
class TextSource:
    """What a loader of one kind hands over; without a `validation` part of its own that is split from `train`.

    The test texts are read with the others, so that a damaged line costs no search; they are scored once, at the end;
    `test` is None where there are none. `note` says what is unusual about the parts, for the table of results.
    """

    class_names: tuple[str, ...]
    train: LabelledTexts
    validation: LabelledTexts | None
    test: LabelledTexts | None
    note: str = ""


def _drop_words(batch: Batch, share: float, unknown: int, generator: torch.Generator) -> Batch:
    """The batch with a share of its tokens replaced by the unknown one; padding does not change what is drawn."""
    assert batch.mask is not None
    mask = batch.mask
    dropped = torch.zeros_like(mask)
    dropped[mask] = (torch.rand(int(mask.sum()), generator=generator) < share).to(mask.device)
    return batch._replace(inputs=batch.inputs.masked_fill(dropped, unknown))


def _take_out(batch: Batch, share: float, generator: torch.Generator) -> Batch:
    """The batch without a random share of its tokens; each text keeps one. Padding does not change what is drawn."""
    assert batch.mask is not None
    inputs, mask = batch.inputs, batch.mask
    drawn = torch.ones(mask.shape, device=mask.device)
    drawn[mask] = torch.rand(int(mask.sum()), generator=generator).to(mask.device)
    kept = mask & (drawn >= share)
    luckiest = drawn.masked_fill(~mask, -1.0).argmax(1, keepdim=True)
    kept = kept.scatter(1, luckiest, value=True)
    lengths = kept.sum(1, keepdim=True)
    new_mask = torch.arange(int(lengths.max()), device=mask.device) < lengths  # (B, L')
    new_inputs = torch.full(new_mask.shape, PADDING, dtype=inputs.dtype, device=mask.device)
    new_inputs[new_mask] = inputs[kept]  # row by row, in their order
    return batch._replace(inputs=new_inputs, mask=new_mask)


def _check_numbers(what: str, values: Tensor, count: int) -> None:
    low, high = (int(bound) for bound in values.aminmax())
    if low < 0 or high >= count:
        raise DataError(f"{what}: got {low} to {high}, allowed: 0 to {count - 1}")
