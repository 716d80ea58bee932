"""Whether settings suit the data: asked before a search or a training meets what cannot be built."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import torch

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ArchitectureError, ConfigError, NeatDeepError
from neat_deep.data import Augmentation, DataSpec
from neat_deep.data.augmentation import check_augmentation as check_rank
from neat_deep.ops import FeatureSpec, get_op, list_ops
from neat_deep.space.architecture import RANK_NAMES, Skeleton
from neat_deep.space.cell_graph import NONE


def check_ops(ops: Iterable[str], rank: int) -> None:
    """Raise `ConfigError` for an op that a search may choose and that does not support examples of `rank`."""
    for name in ops:
        if name != NONE and rank not in get_op(name).ranks:
            raise ConfigError(
                f"op_options: got '{name}', which does not support the {RANK_NAMES[rank]} of this data set;"
                f" allowed: {', '.join([*list_ops(rank), NONE])}"
            )


def check_widths(ops: Iterable[str], skeleton: Skeleton) -> None:
    """Raise `ConfigError` for an op that cannot be built as wide as one of the skeleton's cells."""
    widths = sorted({skeleton.channels_of_cell(cell) for cell in range(skeleton.cells)})
    real = [name for name in ops if name != NONE]
    for name, width in itertools.product(real, widths):
        try:
            check_op(name, skeleton.rank, width)
        except NeatDeepError as error:
            raise ConfigError(f"channels: {error}") from None


def check_op(name: str, rank: int, channels: int) -> None:
    """Raise the `NeatDeepError` of an op that cannot be built for so many channels, before a search meets it."""
    with torch.device("meta"):
        try:
            get_op(name).factory(FeatureSpec(rank, channels))
        except NeatDeepError:
            raise
        except Exception:  # noqa: BLE001 - a user's op may need real tensors: it is built when it is its turn
            pass


def check_reductions(skeleton: Skeleton, data: DataSpec) -> None:
    """Raise `ArchitectureError` for a reduction of images of one pixel, which would only multiply the channels."""
    if data.rank == 2:
        height, width = data.shape[1:]
        most = (max(height, width) - 1).bit_length()  # halves are rounded up
        if len(skeleton.reduce_after) > most:
            raise ArchitectureError(
                f"reduce_after: got {len(skeleton.reduce_after)} reductions, allowed for images of {height}x{width}: "
                f"{most} or fewer"
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
