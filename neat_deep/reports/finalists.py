"""The networks of a run that were trained again at its end, and which of them is the winner: from its store alone."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from neat_deep.base.errors import StoreError
from neat_deep.config.stored_settings import AnyExperiment
from neat_deep.scoring.finalists import Trial, mean_objective
from neat_deep.space.architecture import Architecture
from neat_deep.store.records import CandidateRecord
from neat_deep.store.run_store import RunStore

TRIALS = "finalists"  # the entry of a store's meta


@dataclass(frozen=True)
class Finalist:
    """One of the best networks of a search: its place there (from 1), its record there, and its trainings afterwards.

    `objective` is the mean over the trials, None where one failed or the time was too short for any. `trials` are as
    many for each finalist that has an objective: those that the time was long enough for.
    """

    rank: int
    record: CandidateRecord
    architecture: Architecture
    trials: tuple[Trial, ...]
    objective: float | None

    @property
    def accuracy(self) -> float | None:
        """The mean validation accuracy (0..1) of its trials, None where it has no objective."""
        return None if self.objective is None else statistics.fmean(t.metrics["accuracy"] for t in self.trials)

    @property
    def outcome(self) -> str:
        """What its trainings came to, for a table."""
        if self.accuracy is not None:
            return f"{100 * self.accuracy:.2f}%"
        return "failed" if any(trial.has_failed for trial in self.trials) else "not in time"

    @property
    def parameters(self) -> int | None:
        """The weights of the network that was trained again, None where none was."""
        sizes = [int(trial.metrics["parameters"]) for trial in self.trials if "parameters" in trial.metrics]
        return sizes[0] if sizes else None


def rank_finalists(store: RunStore, experiment: AnyExperiment) -> tuple[Finalist, ...]:
    """A run's finalists, ranked by their stored trainings, the winner first; empty where none has an objective.

    One whose training failed, or was not made, comes after all others. Where the time was too short for all trainings,
    only as many count as each of the others has.
    """
    trials = stored_trials(store)
    chosen = best_networks(store, experiment.fitness.finalists)
    by_digest = {
        record.digest: sorted((one for one in trials if one.digest == record.digest), key=lambda one: one.number)
        for record in chosen
    }
    complete = [own for own in by_digest.values() if own and not any(trial.has_failed for trial in own)]
    rounds = min(map(len, complete), default=0)
    finalists = [
        _finalist(rank, record, store.architecture(record.digest), by_digest[record.digest], rounds, experiment)
        for rank, record in enumerate(chosen, 1)
    ]
    ranked = sorted(finalists, key=lambda one: (one.objective is None, -(one.objective or 0.0), one.rank))
    return tuple(ranked) if ranked and ranked[0].objective is not None else ()


def best_networks(store: RunStore, count: int) -> list[CandidateRecord]:
    """The best `count` different networks of a run, the best first; one that was trained further counts more."""
    best: dict[str, CandidateRecord] = {}
    for record in store.candidates():
        if record.objective is not None:
            before = best.get(record.digest)
            if before is None or _standing(record) > _standing(before):
                best[record.digest] = record
    return sorted(best.values(), key=_standing, reverse=True)[:count]


def stored_trials(store: RunStore) -> list[Trial]:
    """The trials that a run has made so far; raises `StoreError` for what is none."""
    try:
        return [Trial(**entry) for entry in json.loads(store.meta().get(TRIALS, "[]"))]
    except (ValueError, TypeError) as error:
        raise StoreError(f"{store.path}: its finalists cannot be read: {error}") from None


def finalist_table(finalists: Sequence[Finalist]) -> Table:
    """A row for each finalist, the winner first: its place and accuracy in the search, and trained again."""
    table = Table(title="finalists")
    for heading in ("no.", "in the search", "validation there", "trained again", "parameters"):
        table.add_column(heading, justify="right")
    for number, one in enumerate(finalists, 1):
        table.add_row(
            str(number),
            str(one.rank),
            f"{100 * (one.record.accuracy or 0.0):.2f}%",
            one.outcome,
            "-" if one.parameters is None else f"{one.parameters:,}",
        )
    return table


def _standing(record: CandidateRecord) -> tuple[int, float]:
    assert record.objective is not None
    return record.rung, record.objective


def _finalist(
    rank: int,
    record: CandidateRecord,
    architecture: Architecture,
    own: Sequence[Trial],
    rounds: int,
    experiment: AnyExperiment,
) -> Finalist:
    if not own or any(trial.has_failed for trial in own):
        return Finalist(rank, record, architecture, tuple(own), None)
    counted = tuple(own[:rounds])
    return Finalist(rank, record, architecture, counted, mean_objective(counted, experiment.fitness))
