"""Progressive resizing: small images first, which cost less, and larger ones as training goes on."""

from __future__ import annotations

from collections.abc import Sequence

from torch.nn import functional as F

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError
from neat_deep.data import Batch, DataSpec


def size_at(sizes: Sequence[int], progress: float) -> int:
    """The one of `sizes` that is due after `progress`, 0 to 1, of the training; each has an equal share of it."""
    return sizes[min(int(progress * len(sizes)), len(sizes) - 1)]


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
    """The images (B, C, H, W) of a batch with `size` pixels on their shorter side, and in proportion on the other.

    Each pixel is a mean of those that it covers (bilinear, with antialiasing), as image libraries make images smaller.
    """
    height, width = batch.inputs.shape[-2:]
    shorter = min(height, width)
    if size == shorter:
        return batch
    new = (round(height * size / shorter), round(width * size / shorter))
    return batch._replace(inputs=F.interpolate(batch.inputs, new, mode="bilinear", antialias=True))


def check_sizes(sizes: Sequence[int], data: DataSpec) -> None:
    """Raise `ConfigError` for sizes where the data set holds texts, or that are larger than its images."""
    if sizes and data.rank != 2:
        raise ConfigError(
            f"progressive_sizes: got {' '.join(map(str, sizes))}, allowed: none, since the data set '{data.name}' holds"
            " texts"
        )
    for size in sizes:
        check_range("progressive_sizes", size, low=1, high=min(data.shape[1:]))
