"""What one epoch of a search came to: what is logged, plotted, and kept in checkpoints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from neat_deep.base.files import write_text


@dataclass(frozen=True)
class EpochSummary:
    """Means over the epoch's batches, and the alphas as the epoch left them.

    Losses and accuracies (0..1) are those of training steps; the alphas' are None in epochs that train weights only.
    `parameter_free` counts such ops in the cell derived now, without any cap on identities, and `identities` those of
    them that are identities.
    `probabilities` is (aggregations, edges, candidates), their weights; where they are searched, `edge_weights`
    is (aggregations, edges) and `aggregation_weights` (nodes, aggregations). `eigenvalue` is the largest of the loss's
    second derivative by the alphas, where it is watched. `seconds` is the wall-clock time.
    """

    epoch: int  # from 1
    weight_loss: float
    weight_accuracy: float
    alpha_loss: float | None
    alpha_accuracy: float | None
    parameter_free: int
    identities: int
    cell_digest: str
    samples: int  # that trained weights or alphas so far in this search, each time counted
    seconds: float
    probabilities: list[list[list[float]]]
    edge_weights: list[list[float]] | None = None
    aggregation_weights: list[list[float]] | None = None
    eigenvalue: float | None = None


def save_history(history: Sequence[EpochSummary], path: Path) -> None:
    """Write all epochs as JSON; raises `OutputError`."""
    write_text(path, history_to_json(history))


def history_to_json(history: Sequence[EpochSummary]) -> str:
    """All epochs as JSON text."""
    return json.dumps([asdict(epoch) for epoch in history]) + "\n"


def history_from_json(text: str) -> list[EpochSummary]:
    """The epochs that `history_to_json` wrote."""
    return [EpochSummary(**entry) for entry in json.loads(text)]
