"""Images that lie on the device as bytes and leave it as normalised batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from neat_deep.base.checks import check_range
from neat_deep.base.errors import DataError
from neat_deep.data.augmentation import Augmentation, augment, check_augmentation
from neat_deep.data.batching import batch_bounds
from neat_deep.data.digest import digest_tensors
from neat_deep.data.spec import Batch, DataSpec

CHUNK_BYTES = 1 << 22  # of images at a time where they are summed up in wider numbers


@dataclass(frozen=True, eq=False, repr=False)  # tensors have no truth value, and fill the screen
class ImageSplit:
    """uint8 images (N, C, H, W) with their int64 labels (N,), on one device: a `Split`.

    Batches hold float32 inputs (B, C, H, W), normalised with the mean and std of `spec`, in the channels_last
    memory format (convolutions on a CPU run 1.7 times as fast on it). Raises `DataError` for images and labels
    that do not fit each other or `spec`.
    """

    images: Tensor
    labels: Tensor
    spec: DataSpec

    def __post_init__(self) -> None:
        name, shape = self.spec.name, tuple(self.images.shape)
        if self.images.dtype != torch.uint8 or shape[1:] != self.spec.shape or not shape[0]:
            raise DataError(
                f"images of {name}: got {self.images.dtype} of shape {shape}, allowed: torch.uint8 of shape"
                f" {('N', *self.spec.shape)}, N 1 or more"
            )
        if self.labels.dtype != torch.int64 or self.labels.shape != shape[:1]:
            raise DataError(
                f"labels of {name}: got {self.labels.dtype} of shape {tuple(self.labels.shape)},"
                f" allowed: torch.int64 of shape {shape[:1]}"
            )
        # Pixels of one place lie side by side, so that a gathered batch needs no change of memory format.
        object.__setattr__(self, "images", self.images.contiguous(memory_format=torch.channels_last))
        low, high = (int(bound) for bound in self.labels.aminmax())
        if low < 0 or high >= self.spec.num_classes:
            raise DataError(f"labels of {name}: got {low} to {high}, allowed: 0 to {self.spec.num_classes - 1}")

    @property
    def groups_alike(self) -> bool:
        """False: a batch is drawn from all images."""
        return False

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> ImageSplit:
        """The same images on `device`."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def subset(self, indices: Tensor) -> ImageSplit:
        """A copy of the images at `indices`, in that order."""
        indices = indices.to(self.images.device)
        return replace(self, images=self._gather(indices), labels=self.labels[indices])

    def join(self, other: ImageSplit) -> ImageSplit:
        """These images, then those of `other`, normalised as these are."""
        return replace(
            self,
            images=torch.cat([self.images, other.images]),
            labels=torch.cat([self.labels, other.labels]),
        )

    def digest(self) -> str:
        """A name of the images and their labels."""
        return digest_tensors(self.images, self.labels)

    def train_batches(
        self, batch_size: int, generator: torch.Generator, augmentation: Augmentation | None = None
    ) -> Iterator[Batch]:
        """All images once, shuffled and augmented by the CPU `generator`; see `Split.train_batches`."""
        check_range("batch_size", batch_size, low=1)
        augmentation = augmentation or Augmentation()
        check_augmentation(augmentation, self.spec.rank)
        return self._train_batches(batch_size, generator, augmentation)

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        """All images once, in order, as they are."""
        check_range("batch_size", batch_size, low=1)
        return self._eval_batches(batch_size)

    def _train_batches(
        self, batch_size: int, generator: torch.Generator, augmentation: Augmentation
    ) -> Iterator[Batch]:
        mean, std = self._mean_and_std()
        order = torch.randperm(len(self), generator=generator).to(self.images.device)
        for start, end in batch_bounds(len(self), batch_size):
            chosen = order[start:end]
            images = augment(_floats(self._gather(chosen)), augmentation, generator)
            yield Batch(_normalise(images, mean, std), self.labels[chosen])

    def _eval_batches(self, batch_size: int) -> Iterator[Batch]:
        mean, std = self._mean_and_std()
        for start in range(0, len(self), batch_size):
            images = _floats(self.images[start : start + batch_size])
            yield Batch(_normalise(images, mean, std), self.labels[start : start + batch_size])

    def _gather(self, indices: Tensor) -> Tensor:
        """`images[indices]`; whole images are copied at once, many times as fast as by that expression on a CPU."""
        return self.images.permute(0, 2, 3, 1).index_select(0, indices).permute(0, 3, 1, 2)

    def _mean_and_std(self) -> tuple[Tensor, Tensor]:
        """The spec's mean and std on the device, of pixels of 0..255 as they are stored.

        Repeated to (1, C, H, W): a batch in channels_last meets them in long rows, not in steps of C numbers.
        """
        statistics = 255 * torch.tensor([self.spec.mean, self.spec.std], device=self.images.device)
        statistics = (
            statistics[:, :, None, None].expand(2, *self.spec.shape).contiguous(memory_format=torch.channels_last)
        )
        return statistics[:1], statistics[1:]


class LabelledImages(NamedTuple):
    """uint8 images (N, C, H, W) and int64 labels (N,), as they were read."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class ImageSource:
    """What a loader of one kind hands over: all training images at once, the test images when they are asked for.

    The loader has checked the test images too, so that damage is met before a search and not after it. `read_test` is
    None where there are none. Without a `validation` part of its own that is split from `train`. `note` says what is
    unusual about the images, for the table of results.
    """

    class_names: tuple[str, ...]
    train: LabelledImages
    read_test: Callable[[], LabelledImages] | None
    validation: LabelledImages | None = None
    note: str = ""


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and std of each channel of uint8 images (N, C, H, W), of pixels scaled to 0..1.

    Sums are whole numbers, so the result does not depend on the number of threads. A channel of one colour gets
    the std of one grey level, so that it can be divided by.
    """
    total = torch.zeros(images.shape[1], dtype=torch.int64)
    squares = torch.zeros_like(total)
    for chunk in images.split(max(1, CHUNK_BYTES // images[0].numel())):
        pixels = chunk.to(torch.int32)
        total += pixels.sum(dim=(0, 2, 3))
        squares += pixels.square().sum(dim=(0, 2, 3))
    count = images.numel() // images.shape[1]
    mean = total.double() / count
    std = (squares.double() / count - mean.square()).clamp_min(1.0).sqrt()
    return tuple((mean / 255).tolist()), tuple((std / 255).tolist())


def _floats(images: Tensor) -> Tensor:
    return images.to(torch.float32, memory_format=torch.channels_last)


def _normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return images.sub_(mean).div_(std).contiguous(memory_format=torch.channels_last)
