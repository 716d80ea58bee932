"""Where batches begin and end."""

from __future__ import annotations


def batch_bounds(count: int, batch_size: int) -> list[tuple[int, int]]:
    """Where each training batch starts and ends; a last batch of one joins the one before."""
    starts = list(range(0, count, batch_size))
    if 1 < batch_size < count and count % batch_size == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], count], strict=True))
