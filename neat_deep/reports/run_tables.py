"""What happened in a run, as tables: its generations, what failed and why, what was spent and spared."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence

from rich.table import Table

from neat_deep.store.records import CandidateRecord, GenerationRecord


def generation_table(generations: Sequence[GenerationRecord], genomes: Sequence[CandidateRecord]) -> Table:
    """A row for each generation: the best and median accuracy, the best network's size, and the work.

    One that is not finished says so; what is not known of it yet is a dash.
    """
    headings = ("no.", "best", "median", "parameters", "species", "scored", "reused", "failed", "s")
    table = Table(title="generations")
    for heading in headings:
        table.add_column(heading, justify="right")
    for figures in generations:
        rows = [row for row in genomes if row.generation == figures.generation]
        valid = [row for row in rows if row.objective is not None]
        top = max(valid, key=lambda row: (row.rung, row.accuracy or 0.0), default=None)
        statuses = Counter(row.status for row in rows)
        species = {row.species for row in rows} - {None}
        table.add_row(
            f"{figures.generation + 1}{'' if figures.finished else ' (unfinished)'}",
            "-" if top is None else f"{100 * (top.accuracy or 0.0):.2f}%",
            f"{100 * statistics.median(row.accuracy or 0.0 for row in valid):.2f}%" if valid else "-",
            "-" if top is None else f"{top.parameters:,}",
            str(len(species)) if species else "-",
            str(statuses["scored"]),
            str(statuses["reused"]),
            str(len(rows) - len(valid)),
            f"{figures.seconds:.1f}" if figures.finished or figures.seconds else "-",
        )
    return table


def failure_table(genomes: Sequence[CandidateRecord]) -> Table:
    """How many genomes failed, by status and reason; what differs from genome to genome is left out of a reason."""
    table = Table(title="failures")
    for heading in ("genomes", "status", "reason"):
        table.add_column(heading)
    reasons = Counter(
        (row.status, row.reason.replace(f"genome {row.candidate}: ", "")) for row in genomes if row.objective is None
    )
    for (status, reason), count in reasons.most_common():
        table.add_row(str(count), status, reason)
    return table


def cost_table(generations: Sequence[GenerationRecord], seconds: float) -> Table:
    """Training examples, against training every connected genome from scratch; the `seconds` of the whole search."""
    spent = sum(row.samples for row in generations)
    reuse, rungs = (sum(getattr(row, f"saved_by_{kind}") for row in generations) for kind in ("reuse", "rungs"))
    total = max(1, spent + reuse + rungs)
    table = Table(title="training examples", caption=f"{seconds:.0f} seconds of search")
    for heading in ("", "examples", "share"):
        table.add_column(heading, justify="right")
    for name, samples in (("seen", spent), ("spared by reuse", reuse), ("spared by early stopping", rungs)):
        table.add_row(name, f"{samples:,}", f"{100 * samples / total:.1f}%")
    return table
