"""What a run writes into its store as it proceeds, whatever its strategy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from neat_deep.scoring.records import EvaluationRecord
from neat_deep.scoring.scorer import Scorer
from neat_deep.scoring.scores import Counts, Score
from neat_deep.space.architecture import Architecture
from neat_deep.store.records import BestRecord, CandidateRecord, GenerationRecord, SpeciesRecord
from neat_deep.store.run_store import RunStore


class GenerationJournal:
    """Writes what generations come to into a run's store."""

    def __init__(self, store: RunStore, scorer: Scorer) -> None:
        self._store = store
        self._scorer = scorer
        self._generation = -1  # the one that was written last
        self._best = self._best_before = scorer.best  # the newest, and that before this generation

    def write(
        self,
        generation: int,
        seconds: float,
        *,
        finished: bool = True,
        parents: Mapping[int, Sequence[int]] | None = None,
        species_of: Mapping[int, int] | None = None,
        species: Sequence[SpeciesRecord] = (),
        genes: str = "",
    ) -> None:
        """Keep the generation that was scored last, in `seconds`; one that is not `finished` may be written again.

        `parents` and `species_of` are by the candidates' numbers; `genes` are those of the best of the run.
        """
        scores, cost, best = self._scorer.generation, self._scorer.cost, self._scorer.best
        figures = GenerationRecord(
            generation=generation,
            finished=finished,
            samples=cost.samples,
            saved_by_reuse=cost.saved_by_reuse,
            saved_by_rungs=cost.saved_by_rungs,
            seconds=seconds,
        )
        candidates = [
            candidate_record(generation, position, score, parents or {}, species_of or {})
            for position, score in enumerate(scores)
        ]
        record = None
        if generation != self._generation:
            self._generation, self._best_before = generation, self._best
        if best is not None and best is not self._best_before:
            record = BestRecord(
                generation=generation, candidate=best.candidate, key=best.key, digest=best.digest, genes=genes
            )
            self._best = best
        self._store.add_generation(figures, candidates, species, record)


def candidate_record(
    generation: int,
    position: int,
    score: Score,
    parents: Mapping[int, Sequence[int]],
    species_of: Mapping[int, int],
) -> CandidateRecord:
    """A score as the store keeps it."""
    return CandidateRecord(
        generation=generation,
        candidate=score.candidate,
        position=position,
        species=species_of.get(score.candidate),
        key=score.key,
        digest=score.digest,
        status=score.status,
        rung=score.rung,
        metrics=score.metrics,
        objective=score.objective,
        fitness=score.fitness,
        parents=tuple(parents.get(score.candidate, ())),
        seconds=score.seconds,
        reason=score.reason,
    )


def stored_score(record: CandidateRecord, architecture: Architecture | None = None) -> Score:
    """A score as the store kept it."""
    return Score(
        candidate=record.candidate,
        status=record.status,
        digest=record.digest,
        architecture=architecture,
        metrics=record.metrics,
        key=record.key,
        rung=record.rung,
        objective=record.objective,
        fitness=record.fitness,
        seconds=record.seconds,
        reason=record.reason,
    )


@dataclass(frozen=True)
class ScoredBefore:
    """What a run scored before a generation: the records, their scores by generation, their counts, and the best.

    `evaluations` are all that the store has, those of the generation itself too.
    """

    records: list[CandidateRecord]
    scores: dict[int, list[Score]]
    counts: Counts
    best: BestRecord | None
    evaluations: list[EvaluationRecord]

    def score_of_best(self, best: BestRecord, architecture: Architecture) -> Score:
        """The score that made a network the best, with the training examples of its evaluation."""
        place = best.generation, best.candidate
        record = next(record for record in self.records if (record.generation, record.candidate) == place)
        made = record.generation, record.key, record.rung
        samples = next((one.samples for one in self.evaluations if (one.generation, one.key, one.rung) == made), 0)
        return replace(stored_score(record, architecture), samples=samples)


def scored_before(generation: int, candidates: Sequence[CandidateRecord], store: RunStore) -> ScoredBefore:
    """What `candidates`, all those of the store, tell of the generations before `generation`."""
    records = [record for record in candidates if record.generation < generation]
    counts, scores = Counts(), dict[int, list[Score]]()
    for record in records:
        score = stored_score(record)
        counts = counts.add(score)
        scores.setdefault(record.generation, []).append(score)
    best = next((record for record in reversed(store.best()) if record.generation < generation), None)
    return ScoredBefore(records, scores, counts, best, store.evaluations())
