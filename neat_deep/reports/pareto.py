"""The Pareto front of a run, accuracy against size: read from its store, whatever the objective was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neat_deep.base.files import write_text
from neat_deep.reports.pictures.plots import plot_front
from neat_deep.space.architecture import Skeleton
from neat_deep.store.records import CandidateRecord
from neat_deep.store.run_store import RunStore


@dataclass(frozen=True)
class Front:
    """The networks that were trained to the last rung, smallest first, and those of them that none dominates."""

    networks: tuple[CandidateRecord, ...]
    front: tuple[CandidateRecord, ...]


def pareto_front(candidates: Sequence[CandidateRecord]) -> Front:
    """The front of accuracy (more is better) against parameters (fewer are better).

    A network is on it when every network of its size or smaller is less accurate; of equals the first counts.
    """
    valid = [record for record in candidates if record.objective is not None]
    top = max((record.rung for record in valid), default=0)
    records: dict[str, CandidateRecord] = {}
    for record in valid:
        if record.rung == top:
            records.setdefault(record.key, record)
    networks = sorted(records.values(), key=lambda record: (record.parameters, -(record.accuracy or 0.0)))
    front: list[CandidateRecord] = []
    for record in networks:
        if not front or (record.accuracy or 0.0) > (front[-1].accuracy or 0.0):
            front.append(record)
    return Front(tuple(networks), tuple(front))


def write_front(store: RunStore, folder: Path, skeleton: Skeleton | None = None) -> Front:
    """Write a run's front as `pareto.json`, with its architectures, and as `pareto.png`.

    `skeleton`, if given, is that of the networks whose digest is their cell's.

    The figures are those of the search, where networks may have had other channels than their architectures say.

    Nothing is written for a run without a valid network. Raises `StoreError` and `OutputError`.
    """
    front = pareto_front(store.candidates())
    if front.front:
        entries = []
        for record in front.front:
            architecture = store.architecture(record.digest)
            if skeleton is not None and record.digest == architecture.cell.digest():  # all candidates share it
                architecture = replace(architecture, skeleton=skeleton)
            entries.append(
                {
                    "accuracy_in_search": record.accuracy,
                    "parameters_in_search": record.parameters,
                    "macs_in_search": record.metrics["macs"],
                    "generation": record.generation + 1,
                    "candidate": record.candidate,
                    "architecture": json.loads(architecture.to_json()),
                }
            )
        write_text(folder / "pareto.json", json.dumps(entries, indent=2) + "\n")
        points = [(record.parameters, record.accuracy or 0.0) for record in front.networks]
        front_points = [(record.parameters, record.accuracy or 0.0) for record in front.front]
        plot_front(points, front_points, folder / "pareto.png")
    return front
