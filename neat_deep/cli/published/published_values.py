"""What was published: test accuracies in percent, by data set and by where the cell comes from."""

from __future__ import annotations

# From the report of the experiment that this one repeats; none is known for the data that cells are carried over to.
PUBLISHED: dict[str, dict[str, float]] = {
    "mnist": {"hand": 98.94, "neat": 99.14, "darts": 99.13},
    "sst2": {"hand": 78.17, "neat": 75.57, "darts": 78.86},
}


def published_accuracy(data: str, source: str) -> float | None:
    """The published accuracy as a share (0..1), None where none is known."""
    percent = PUBLISHED.get(data, {}).get(source)
    return None if percent is None else round(percent / 100, 4)
