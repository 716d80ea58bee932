"""Progressive resizing: small images first, which cost less, and larger ones as training goes on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neat_deep.base.errors import ConfigError
from neat_deep.data import Batch, DataSpec
from neat_deep.data.images import smaller
from neat_deep.data.spec import check_holds_images


def size_at(sizes: Sequence[int], progress: float) -> int:
    """The one of `sizes` for the step that takes a training to `progress`, 0 to 1; each has an equal share of it.

    The last step has the last size, however few steps there are.
    """
    due = math.ceil(progress * len(sizes) - 1e-9)  # a sum of shares may be a little more than what it stands for
    return sizes[min(max(due, 1), len(sizes)) - 1]


def has_last_size(sizes: Sequence[int], progress: float) -> bool:
    """Whether no other size comes after `progress`; without sizes, always."""
    return not sizes or size_at(sizes, progress) == sizes[-1]


def work_done(sizes: Sequence[int], progress: float) -> float:
    """The share of the time that `progress`, a share of the examples, has taken: in proportion to their pixels."""
    if not sizes:
        return progress
    pixels = [size**2 for size in sizes]
    passed = progress * len(sizes)
    whole = min(int(passed), len(sizes) - 1)
    return (sum(pixels[:whole]) + (passed - whole) * pixels[whole]) / sum(pixels)


def resized(batch: Batch, size: int) -> Batch:
    """The images (B, C, H, W) of a batch with `size` pixels on their shorter side, and in proportion on the other."""
    shape = batch.inputs.shape
    if size == min(shape[2:]):
        return batch
    return batch._replace(inputs=smaller.resized(batch.inputs, smaller.shape_of_size(shape, size)))


def check_sizes(sizes: Sequence[int], data: DataSpec) -> None:
    """Raise `ConfigError` for texts, and for sizes that do not rise to that of the data's images.

    A network that saw its images in full at first only, or never, does badly on them.
    """
    if not sizes:
        return
    got = " ".join(map(str, sizes))
    check_holds_images("progressive_sizes", got, data, allowed="none")
    side = min(data.shape[1:])
    if list(sizes) != sorted(sizes) or sizes[-1] != side:
        raise ConfigError(f"progressive_sizes: got {got}, allowed: sizes that rise to the images' own, which is {side}")
