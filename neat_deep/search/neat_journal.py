"""A run of neat-python in its store, and how it resumes from there.

With stock neat-python: make a `RunStore`, give it to `FitnessEvaluator`, and add a `RunJournal` as the last reporter.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import neat
from neat.reporting import BaseReporter

from neat_deep.base.errors import DisconnectedError
from neat_deep.evolution.expression import express_architecture
from neat_deep.evolution.fitness import FitnessEvaluator
from neat_deep.evolution.genome import CellGenome
from neat_deep.evolution.population_state import (
    capture,
    decode_genome,
    encode_genome,
    from_json,
    restore,
    to_json,
)
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.scorer import ScorerState
from neat_deep.scoring.scores import Score
from neat_deep.search.journal import GenerationJournal, ScoredBefore, scored_before
from neat_deep.store.records import BestRecord, CandidateRecord, SpeciesRecord
from neat_deep.store.run_store import RunStore

log = logging.getLogger(__name__)


class RunJournal(BaseReporter):
    """Writes each generation of a population into the store of its run: add it as the population's last reporter."""

    def __init__(self, store: RunStore, population: neat.Population, evaluator: FitnessEvaluator) -> None:
        self._store = store
        self._population = population
        self._evaluator = evaluator
        self._journal = GenerationJournal(store, evaluator.scorer)
        self._started = time.perf_counter()
        if store.last_generation() is None:
            self._keep_population(population.generation)

    def start_generation(self, generation: int) -> None:
        """Start the generation's clock."""
        self._started = time.perf_counter()

    def post_evaluate(self, config: Any, population: Any, species: Any, best_genome: Any) -> None:
        """Keep what the generation came to."""
        self._write(population, species, finished=True)

    def budget_spent(self) -> None:
        """Keep what was scored of a generation in which the search's budget ended."""
        if self._evaluator.generation:
            self._write(self._population.population, self._population.species, finished=False)

    def end_generation(self, config: Any, population: Any, species_set: Any) -> None:
        """Keep the population that the next generation begins with."""
        self._keep_population(self._population.generation + 1)

    def complete_extinction(self) -> None:
        """Say that all species are gone; neat-python does so only where they begin anew."""
        log.warning(
            "all species stagnated and died out in generation %d; reset_on_extinction lets new genomes begin",
            self._population.generation + 1,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: neat-python's `Checkpointer` pickles all reporters, and a store stays with its process."""
        return {}

    def _write(self, population: dict[int, CellGenome], species: Any, *, finished: bool) -> None:
        number, best_genome = self._population.generation, self._evaluator.best_genome
        self._journal.write(
            number,
            time.perf_counter() - self._started,
            finished=finished,
            parents={key: genome.parents for key, genome in population.items()},
            species_of=species.genome_to_species,
            species=[_species_record(number, one) for one in species.species.values()],
            genes="" if best_genome is None else json.dumps(encode_genome(best_genome)),
        )

    def _keep_population(self, generation: int) -> None:
        state = capture(self._population, generation)
        self._store.add_state(generation, to_json(state), state.random.torch)


@dataclass(frozen=True)
class Resumed:
    """A resumed run: its population, and each finished generation's scores, number of species and seconds."""

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
    before = scored_before(generation, store.candidates(), store)
    best_score = None
    if before.best is not None:
        best_score, evaluator.best_genome = _read_best(before, before.best, config, evaluator)
    parents = _read_parents(store, generation, before.records, config, evaluator)
    evaluator.scorer.resume(ScorerState(generation, before.evaluations, parents, best_score, before.counts))
    species = [record.generation for record in store.species()]
    history = [
        (before.scores.get(figures.generation, []), species.count(figures.generation), figures.seconds)
        for figures in store.generations()
        if figures.generation < generation
    ]
    state = from_json(*store.state(generation))
    return Resumed(restore(config, state), tuple(history))


def _read_parents(
    store: RunStore,
    generation: int,
    records: Sequence[CandidateRecord],
    config: neat.Config,
    evaluator: FitnessEvaluator,
) -> list[tuple[Candidate, str]]:
    """The candidates of the generation before, with the keys of their evaluations."""
    if not generation:
        return []
    keys = {record.candidate: record.key for record in records if record.generation == generation - 1}
    parents = []
    for data in from_json(*store.state(generation - 1)).genomes:
        key = keys.get(data["key"])
        if key:
            try:
                parents.append((_candidate(decode_genome(data), config, evaluator), key))
            except DisconnectedError:
                continue
    return parents


def _candidate(genome: CellGenome, config: neat.Config, evaluator: FitnessEvaluator) -> Candidate:
    architecture = express_architecture(genome, config.genome_config, evaluator.scorer.skeleton)
    return Candidate(genome.key, architecture, genome.parents)


def _read_best(
    before: ScoredBefore, best: BestRecord, config: neat.Config, evaluator: FitnessEvaluator
) -> tuple[Score, CellGenome]:
    genome = decode_genome(json.loads(best.genes))
    architecture = express_architecture(genome, config.genome_config, evaluator.scorer.skeleton)
    return before.score_of_best(best, architecture.tidy()), genome


def _species_record(generation: int, species: Any) -> SpeciesRecord:
    return SpeciesRecord(
        generation=generation,
        species=species.key,
        created=species.created,
        last_improved=species.last_improved,
        representative=species.representative.key,
        members=tuple(species.members),
        history=tuple(species.fitness_history),
    )
