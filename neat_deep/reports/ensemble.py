"""Which of a run's networks shall vote."""

from __future__ import annotations

from collections.abc import Sequence

from neat_deep.base.checks import check_range
from neat_deep.reports.pareto import pareto_front
from neat_deep.store.records import CandidateRecord


def choose_members(candidates: Sequence[CandidateRecord], count: int) -> list[CandidateRecord]:
    """The `count` networks of a run that shall vote, best first: the best of each species, then the best of the rest.

    Only networks that were trained to the last rung count, each graph once. There may be fewer. The best is the run's:
    of networks that tie it is the one that was scored first.
    """
    check_range("count", count, low=1)
    ranked = sorted(
        pareto_front(candidates).networks, key=lambda row: (-(row.objective or 0.0), row.generation, row.position)
    )
    graphs: dict[str, CandidateRecord] = {}
    for row in ranked:
        graphs.setdefault(row.digest, row)
    species: dict[int | None, CandidateRecord] = {}
    for row in graphs.values():
        species.setdefault(row.species, row)
    leaders = list(species.values())
    rest = [row for row in graphs.values() if row not in leaders]
    return sorted([*leaders, *rest][:count], key=ranked.index)
