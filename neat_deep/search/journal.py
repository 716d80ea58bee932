"""What a run writes into its store while it goes on, and how it goes on from there.

With stock neat-python: make a `RunStore`, give it to `FitnessEvaluator`, and add a `RunJournal` as the last reporter.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import neat
import numpy
import torch
from neat.reporting import BaseReporter

from neat_deep.base.errors import StoreError
from neat_deep.config.experiment_file import Experiment, settings_text, settings_values
from neat_deep.data import Dataset, digest_examples
from neat_deep.evolution.fitness import REUSED, SCORED, FitnessEvaluator, Score
from neat_deep.evolution.genome import CellGenome
from neat_deep.evolution.population_state import capture, decode_genome, encode_genome, restore
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph
from neat_deep.store.run_store import RunStore
from neat_deep.store.tables import BestRow, GenerationRow, GenomeRow, SpeciesRow

log = logging.getLogger(__name__)

# What may change when a run is resumed: these change nothing that is stored,
FREE = {("Run", key) for key in ("generations", "workers", "ray_address", "ray_gpus", "out")} | {("Data", "root")}
# and these round differently, so that the run is no longer the one that was never stopped.
ROUNDING = {("Run", "device"), ("Run", "threads")}


class RunJournal(BaseReporter):
    """Writes each generation of a population into the store of its run: add it as the population's last reporter."""

    def __init__(self, store: RunStore, population: neat.Population, evaluator: FitnessEvaluator) -> None:
        self._store = store
        self._population = population
        self._evaluator = evaluator
        self._best = evaluator.best
        self._started = time.perf_counter()
        if store.last_generation() is None:
            store.add_population(capture(population, population.generation))

    def start_generation(self, generation: int) -> None:
        """Start the generation's clock."""
        self._started = time.perf_counter()

    def post_evaluate(self, config: Any, population: Any, species: Any, best_genome: Any) -> None:
        """Keep what the generation came to."""
        number, evaluator = self._population.generation, self._evaluator
        cost = evaluator.cost
        figures = GenerationRow(
            number, cost.samples, cost.saved_by_reuse, cost.saved_by_rungs, time.perf_counter() - self._started
        )
        genomes = [
            _genome_row(number, position, score, population[score.genome_key], species.genome_to_species)
            for position, score in enumerate(evaluator.generation)
        ]
        best, genome = evaluator.best, evaluator.best_genome
        is_new = best is not self._best
        self._best = best
        row = _best_row(number, best, genome) if is_new and best is not None and genome is not None else None
        self._store.add_generation(figures, genomes, [_species_row(number, s) for s in species.species.values()], row)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: neat-python's `Checkpointer` pickles all reporters, and a store stays with its process."""
        return {}

    def end_generation(self, config: Any, population: Any, species_set: Any) -> None:
        """Keep the population that the next generation begins with."""
        self._store.add_population(capture(self._population, self._population.generation + 1))


@dataclass(frozen=True)
class Resumed:
    """A run taken up again: its population, and each finished generation's scores, number of species and seconds."""

    population: neat.Population
    history: tuple[tuple[list[Score], int, float], ...]


def resume_run(store: RunStore, config: neat.Config, evaluator: FitnessEvaluator) -> Resumed | None:
    """Take up a run where its store ends, in the middle of a generation too; None when it had hardly begun.

    `config` must hold the run's settings (see `check_same_run`) and `evaluator` keep its evaluations in `store`. The
    global random states are set, so nothing may draw from them before the population runs.
    """
    generation = store.last_generation()
    if generation is None:
        return None
    rows = [row for row in store.genomes() if row.generation < generation]
    parents = []
    if generation:
        keys = {row.genome: row.key for row in rows if row.generation == generation - 1}
        for data in store.population(generation - 1).genomes:
            if keys.get(data["key"]):
                parents.append((decode_genome(data), keys[data["key"]]))
    bests = [row for row in store.best() if row.generation < generation]
    counts = (
        sum(row.status == SCORED for row in rows),
        sum(row.status == REUSED for row in rows),
        sum(row.accuracy is None for row in rows),
    )
    best = _read_best(bests[-1], rows) if bests else None
    evaluator.go_on(generation, store.evaluations(), parents, config, best, counts)
    scores: dict[int, list[Score]] = {}
    for row in rows:
        scores.setdefault(row.generation, []).append(_read_score(row))
    species = [row.generation for row in store.species()]
    history = [
        (scores.get(figures.generation, []), species.count(figures.generation), figures.seconds)
        for figures in store.generations()
        if figures.generation < generation
    ]
    return Resumed(restore(config, store.population(generation)), tuple(history))


def describe_run(
    experiment: Experiment, dataset: Dataset, device: torch.device, start: CellGraph | None = None
) -> dict[str, str]:
    """What a store is told about its run when it is made; `start` is the cell that the first generation mutates."""
    first = {} if start is None else {"start": Architecture(start, experiment.network).to_json()}
    return {
        **first,
        "ini": experiment.text,
        "settings": settings_text(experiment),
        "data": fingerprint(dataset),
        **_rounding(device),
    }


def check_same_run(store: RunStore, experiment: Experiment, dataset: Dataset, device: torch.device) -> None:
    """Raise `StoreError` unless a store's run can go on with these settings and data; the message names what differs.

    Another device, number of threads or version of torch is allowed, with a warning, and noted in the store.
    """
    meta = store.meta()
    before, now = settings_values(store.fact("settings")), settings_values(settings_text(experiment))
    for place in dict.fromkeys([*before, *now]):
        if before.get(place) != now.get(place) and place not in FREE | ROUNDING:
            section, key = place
            raise StoreError(
                f"{store.path}: [{section}] {key}: the run has '{before.get(place, '')}', got '{now.get(place, '')}'; "
                "allowed to change when a run is resumed: [Run] generations, workers, device and threads, [Data] root"
            )
    done, wanted = store.last_generation() or 0, experiment.run.generations
    if wanted < done:
        raise StoreError(f"{store.path}: generations: got {wanted}, allowed: {done}, which the run has done, or more")
    if fingerprint(dataset) != store.fact("data"):
        raise StoreError(
            f"{store.path}: the data are not those that the run was started with: got {len(dataset.train):,} examples "
            f"of {dataset.spec.name} to train on and {len(dataset.validation):,} to validate on, allowed: the same ones"
        )
    if now != before:
        asked = before["Run", "generations"]
        if str(wanted) != asked:
            log.warning("the run was asked for %s generations; from now on it is for %d", asked, wanted)
        store.set_meta("settings", settings_text(experiment))  # a later resume asks for as much as this one
    changes = []
    for name, value in _rounding(device).items():
        then = meta.get(name, value)
        if then != value:
            changes.append(f"{name}: {then}, now {value}")
    if changes:
        log.warning(
            "this run was started with other roundings (%s): from here on it is not the run that it would have been",
            "; ".join(changes),
        )
        store.set_meta("changes", json.dumps([*json.loads(meta.get("changes", "[]")), *changes]))


def fingerprint(dataset: Dataset) -> str:
    """A name of the data that a search sees: facts, all examples of either split, word vectors."""
    examples = digest_examples((dataset.train, dataset.validation), dataset.vectors)
    return hashlib.sha256((repr(dataset.spec) + examples).encode()).hexdigest()[:16]


def _rounding(device: torch.device) -> dict[str, str]:
    """What decides how sums are rounded."""
    versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__}
    return {
        "device": str(device),
        "threads": str(torch.get_num_threads()),
        "versions": json.dumps({**versions, "neat-python": version("neat-python")}),
    }


def _genome_row(generation: int, position: int, score: Score, genome: CellGenome, species: dict[int, int]) -> GenomeRow:
    return GenomeRow(
        generation=generation,
        genome=score.genome_key,
        position=position,
        species=species.get(score.genome_key),
        key=score.key,
        digest=score.digest,
        status=score.status,
        rung=score.rung,
        accuracy=score.accuracy,
        fitness=genome.fitness,
        parameters=score.parameters,
        macs=score.macs,
        parents=_list(genome.parents),
        seconds=score.seconds,
        reason=score.reason,
        latency=score.latency,
    )


def _species_row(generation: int, species: Any) -> SpeciesRow:
    return SpeciesRow(
        generation=generation,
        species=species.key,
        created=species.created,
        last_improved=species.last_improved,
        representative=species.representative.key,
        members=_list(species.members),
        history=_list(species.fitness_history),
    )


def _best_row(generation: int, score: Score, genome: CellGenome) -> BestRow:
    assert score.architecture is not None and score.accuracy is not None  # a failed one is never the best
    return BestRow(
        generation,
        score.genome_key,
        score.key,
        score.rung,
        score.accuracy,
        score.architecture.to_json(),
        json.dumps(encode_genome(genome)),
    )


def _read_best(best: BestRow, rows: Sequence[GenomeRow]) -> tuple[Score, CellGenome]:
    row = next(row for row in rows if (row.generation, row.genome) == (best.generation, best.genome))
    return _read_score(row, Architecture.from_json(best.architecture)), decode_genome(json.loads(best.genes))


def _read_score(row: GenomeRow, architecture: Architecture | None = None) -> Score:
    return Score(
        row.genome,
        row.status,
        row.digest,
        architecture,
        row.accuracy,
        row.parameters,
        row.seconds,
        row.reason,
        row.key,
        row.rung,
        row.macs,
        latency=row.latency,
    )


def _list(values: Any) -> str:
    return json.dumps(list(values), separators=(",", ":"))
