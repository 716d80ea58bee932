"""Whether settings suit the data: asked before a search or a training meets what cannot be built."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ArchitectureError, ConfigError, NeatDeepError
from neat_deep.data import DATASETS, Augmentation, DataSpec
from neat_deep.data.augmentation import check_augmentation as check_rank
from neat_deep.ops import FeatureSpec, get_op, list_ops
from neat_deep.space.architecture import RANK_NAMES, Skeleton
from neat_deep.space.cell_graph import NONE
from neat_deep.space.skeleton_options import SkeletonOptions
from neat_deep.space.skeleton_space import SkeletonSpace


def check_ops(ops: Iterable[str], rank: int) -> None:
    """Raise `ConfigError` for an op that a search may choose and that does not support examples of `rank`."""
    for name in ops:
        if name != NONE and rank not in get_op(name).ranks:
            raise ConfigError(
                f"op_options: got '{name}', which does not support the {RANK_NAMES[rank]} of this data set;"
                f" allowed: {', '.join([*list_ops(rank), NONE])}"
            )


def check_ops_of_dataset(ops: Iterable[str], dataset: str) -> None:
    """`check_ops` for a data set by its name, before it is read; of one that nobody registered nothing is known yet."""
    if dataset in DATASETS:
        check_ops(ops, DATASETS.get(dataset).rank)


def check_widths(ops: Iterable[str], skeleton: Skeleton, key: str = "channels") -> None:
    """Raise `ConfigError`, which begins with `key`, for an op that cannot be built as wide as one of the cells."""
    widths = sorted({skeleton.channels_of_cell(cell) for cell in range(skeleton.cells)})
    real = [name for name in ops if name != NONE]
    for name, width in itertools.product(real, widths):
        try:
            check_op(name, skeleton.rank, width)
        except NeatDeepError as error:
            raise ConfigError(f"{key}: {error}") from None


def check_op(name: str, rank: int, channels: int) -> None:
    """Raise the `NeatDeepError` of an op that cannot be built for so many channels, before a search meets it."""
    with torch.device("meta"):
        try:
            get_op(name).factory(FeatureSpec(rank, channels))
        except NeatDeepError:
            raise
        except Exception:  # noqa: BLE001 - a user's op may need real tensors: it is built when it is its turn
            pass


def check_skeleton(skeleton: Skeleton, data: DataSpec) -> None:
    """Raise `ArchitectureError` for a skeleton that does not suit the data.

    That is a reduction of images of one pixel, which would only multiply the channels, or n-grams of images.
    """
    check_ngrams(skeleton, data)
    _check_count("reduce_after", len(skeleton.reduce_after), data)


def check_skeleton_rank(skeleton: Skeleton, name: str, rank: int) -> None:
    """Raise `ArchitectureError` unless a skeleton is for data of the rank that the data set `name` has."""
    if rank != skeleton.rank:
        raise ArchitectureError(
            f"the architecture is for rank {skeleton.rank} ({RANK_NAMES[skeleton.rank]}), "
            f"the data set '{name}' has rank {rank} ({RANK_NAMES[rank]})"
        )


def check_ngrams(skeleton: Skeleton, data: DataSpec) -> None:
    """Raise `ArchitectureError` for n-grams of images."""
    for key in ("ngrams", "char_ngrams"):
        longest = getattr(skeleton, key)
        if longest and data.rank != 1:
            raise ArchitectureError(f"{key}: got {longest}, allowed for {RANK_NAMES[data.rank]}: 0")


def check_skeleton_options(options: SkeletonOptions, ops: Sequence[str], skeleton: Skeleton, data: DataSpec) -> None:
    """Raise `ConfigError` for options with which a search would propose what cannot be built for the data.

    That is a skeleton that ends below one pixel, or one whose channels an op cannot have. `skeleton` says what is not
    chosen.
    """
    try:
        for count in options.reductions_options:
            _check_count("reductions_options", count, data)
    except ArchitectureError as error:
        raise ConfigError(str(error)) from None
    largest = SkeletonSpace(options, skeleton).largest
    for channels in options.channels_options:
        check_widths(ops, replace(largest, channels=channels), "channels_options")
    if not options.channels_options and options.reductions_options:
        check_widths(ops, largest, "reductions_options")


def _check_count(key: str, count: int, data: DataSpec) -> None:
    if data.rank == 2:
        height, width = data.shape[1:]
        most = (max(height, width) - 1).bit_length()  # halves are rounded up
        if count > most:
            raise ArchitectureError(
                f"{key}: got {count} reductions, allowed for images of {height}x{width}: {most} or fewer"
            )


def check_augmentation(augmentation: Augmentation, data: DataSpec) -> None:
    """Raise `ConfigError` for what is not for such examples, or does not fit the data's images."""
    try:
        check_rank(augmentation, data.rank)
    except ConfigError as error:
        holds = f"the data set '{data.name}' holds {'texts' if data.rank == 1 else 'images'}"
        raise ConfigError(f"augmentation_{error}; {holds}") from None
    for key in ("shift", "erase"):
        pixels = getattr(augmentation, key)
        if pixels:
            check_range(f"augmentation_{key}", pixels, low=0, high=min(data.shape[1:]) - 1)


def check_frozen_vectors(epochs: int, data: DataSpec) -> None:
    """Raise `ConfigError` for epochs that would freeze word vectors where the data set has none."""
    if epochs and not data.vector_size:
        hint = "; [Data] text_vectors names their file" if data.rank == 1 else ""
        raise ConfigError(f"frozen_vectors: got {epochs}, allowed for data without word vectors: 0{hint}")
