"""The Pareto front of a run, accuracy against size: read from its store, whatever the fitness was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neat_deep.base.files import write_text
from neat_deep.evolution.expression import express
from neat_deep.evolution.genome import CellGenomeConfig
from neat_deep.evolution.population_state import decode_genome
from neat_deep.reports.pictures.plots import plot_front
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.store.run_store import RunStore
from neat_deep.store.tables import GenomeRow


@dataclass(frozen=True)
class Front:
    """The networks that were trained to the last rung, smallest first, and those of them that none dominates."""

    networks: tuple[GenomeRow, ...]
    front: tuple[GenomeRow, ...]


def pareto_front(genomes: Sequence[GenomeRow]) -> Front:
    """The front of accuracy (more is better) against parameters (fewer are better).

    A network is on it when every network of its size or smaller is less accurate; of equals the first counts.
    """
    top = max((row.rung for row in genomes if row.accuracy is not None), default=0)
    found: dict[str, GenomeRow] = {}
    for row in genomes:
        if row.accuracy is not None and row.rung == top:
            found.setdefault(row.key, row)
    networks = sorted(found.values(), key=lambda row: (row.parameters, -(row.accuracy or 0.0)))
    front: list[GenomeRow] = []
    for row in networks:
        if not front or (row.accuracy or 0.0) > (front[-1].accuracy or 0.0):
            front.append(row)
    return Front(tuple(networks), tuple(front))


def write_front(store: RunStore, config: CellGenomeConfig, skeleton: Skeleton, folder: Path) -> Front:
    """Write a run's front as `pareto.json`, with its architectures in `skeleton`, and as `pareto.png`.

    The figures are of the networks of the search, which may have had other channels than `skeleton`.

    Nothing is written for a run without a valid network. Raises `StoreError` and `OutputError`.
    """
    found = pareto_front(store.genomes())
    if found.front:
        entries = [
            {
                "accuracy_in_search": row.accuracy,
                "parameters_in_search": row.parameters,
                "macs_in_search": row.macs,
                "generation": row.generation + 1,
                "genome": row.genome,
                "architecture": json.loads(architecture_of(store, row, config, skeleton).to_json()),
            }
            for row in found.front
        ]
        write_text(folder / "pareto.json", json.dumps(entries, indent=2) + "\n")
        points = [(row.parameters, row.accuracy or 0.0) for row in found.networks]
        plot_front(points, [(row.parameters, row.accuracy or 0.0) for row in found.front], folder / "pareto.png")
    return found


def architecture_of(store: RunStore, row: GenomeRow, config: CellGenomeConfig, skeleton: Skeleton) -> Architecture:
    """The architecture of a genome, expressed again from its generation's population."""
    genomes = {data["key"]: data for data in store.population(row.generation).genomes}
    return Architecture(express(decode_genome(genomes[row.genome]), config).canonical(), skeleton)
