"""The evaluations of a run so far, by what was trained and how far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from neat_deep.scoring.records import EvaluationRecord
from neat_deep.scoring.scores import RAISED


class KnownEvaluations:
    """What is known on each rung of each network; `generation` is the one that is scored now, from 0.

    Where an evaluation `counts_at_once`, it is one of those before as soon as it has ended.
    """

    def __init__(self) -> None:
        self.generation = 0
        self.counts_at_once = False
        self._records: dict[tuple[str, int], EvaluationRecord] = {}

    def remember(self, record: EvaluationRecord) -> None:
        """Keep an evaluation that stands: what raised does so for its own generation only."""
        if record.status != RAISED or record.generation == self.generation:
            self._records[record.key, record.rung] = record

    def get(self, key: str, rung: int) -> EvaluationRecord | None:
        """What is known of a network on a rung."""
        return self._records.get((key, rung))

    def before(self, key: str) -> EvaluationRecord | None:
        """What the generations before know of a network: its evaluation on the highest rung, None if there is none."""
        first = self.generation + self.counts_at_once
        records = [r for (k, _), r in self._records.items() if k == key and r.generation < first]
        return max(records, key=lambda record: record.rung, default=None)

    def of_this_generation(self) -> list[EvaluationRecord]:
        """The evaluations that were made for the generation that is scored now, before it was stopped if it was."""
        return [record for record in self._records.values() if record.generation == self.generation]

    def samples_spent(self) -> Counter[tuple[str, int]]:
        """The training examples of this generation, by key and candidate."""
        spent: Counter[tuple[str, int]] = Counter()
        for record in self.of_this_generation():
            spent[record.key, record.candidate] += record.samples
        return spent

    def forget(self, keys: Iterable[str]) -> None:
        """Forget all evaluations of networks."""
        gone = set(keys)
        self._records = {place: record for place, record in self._records.items() if record.key not in gone}

    def end_generation(self) -> None:
        """Go to the next generation; what raised may have lacked memory for a moment, and is tried again when asked."""
        self.generation += 1
        self._records = {place: record for place, record in self._records.items() if record.status != RAISED}
