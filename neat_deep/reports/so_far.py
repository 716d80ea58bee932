"""What a run has stored of a generation that is not scored to its end, as records like those of the others."""

from __future__ import annotations

from collections.abc import Sequence

from neat_deep.scoring.records import EvaluationRecord
from neat_deep.store.records import CandidateRecord, GenerationRecord


def with_unfinished(
    generations: Sequence[GenerationRecord],
    candidates: Sequence[CandidateRecord],
    evaluations: Sequence[EvaluationRecord],
) -> tuple[list[GenerationRecord], list[CandidateRecord]]:
    """The generations and their candidates, and those of the generation that is being scored.

    A generation is written as a whole at its end; until then only its evaluations are stored. Each network that has
    one becomes a candidate, on the highest rung that it has reached. The seconds of such a generation are 0, as nobody
    has measured them yet. Candidates that are stored already keep their order; the others follow.
    """
    generations, candidates = list(generations), list(candidates)
    known = {record.generation: record for record in generations}
    for number in sorted({evaluation.generation for evaluation in evaluations}):
        current = [evaluation for evaluation in evaluations if evaluation.generation == number]
        samples = sum(evaluation.samples for evaluation in current)
        record = known.get(number)
        # An unfinished record was written when a budget ended; a resumed run may have evaluated more since.
        if record is not None and (record.finished or record.samples >= samples):
            continue
        places = {one.candidate: one.position for one in candidates if one.generation == number}
        generations = [other for other in generations if other.generation != number]
        candidates = [other for other in candidates if other.generation != number]
        generations.append(
            GenerationRecord(
                generation=number, finished=False, samples=samples, saved_by_reuse=0, saved_by_rungs=0, seconds=0.0
            )
        )
        furthest = {evaluation.key: evaluation for evaluation in sorted(current, key=lambda one: one.rung)}
        ordered = sorted(furthest.values(), key=lambda one: places.get(one.candidate, len(places)))
        candidates += [_as_candidate(evaluation, place) for place, evaluation in enumerate(ordered)]
    return sorted(generations, key=lambda record: record.generation), candidates


def _as_candidate(evaluation: EvaluationRecord, position: int) -> CandidateRecord:
    return CandidateRecord(
        generation=evaluation.generation,
        candidate=evaluation.candidate,
        position=position,
        species=None,
        key=evaluation.key,
        digest=evaluation.digest,
        status=evaluation.status,
        rung=evaluation.rung,
        metrics=evaluation.metrics,
        objective=None if evaluation.has_failed else evaluation.metrics.get("accuracy"),
        seconds=evaluation.seconds,
        reason=evaluation.reason,
    )
