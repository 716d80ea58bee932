"""One evolutionary search by neat-python, from settings to the best architecture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import neat
from neat.population import CompleteExtinctionException
from neat.reporting import BaseReporter
from rich.console import Console

from neat_deep.base.errors import SearchError
from neat_deep.base.randomness import seed_all
from neat_deep.config.experiment_file import Experiment
from neat_deep.data import Dataset
from neat_deep.evolution.fitness import FitnessEvaluator
from neat_deep.evolution.population_state import with_own_species_config
from neat_deep.evolution.seeding import seed_population
from neat_deep.reports.pictures.render import draw_genome, try_picture
from neat_deep.reports.summary import SearchListener
from neat_deep.scoring.budget import Budget, BudgetSpentError
from neat_deep.search.checks import check_experiment
from neat_deep.search.neat_journal import RunJournal, resume_run
from neat_deep.search.result import SearchResult, generations_done
from neat_deep.search.session import Session, search_session
from neat_deep.search.workers import evaluating_in
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph


def evolve(
    experiment: Experiment,
    dataset: Dataset,
    folder: Path,
    console: Console,
    *,
    start: CellGraph | None = None,
    resume: bool = False,
    budget: Budget | None = None,
    listeners: Sequence[SearchListener] = (),
    started: float | None = None,
) -> SearchResult:
    """Run neat-python's `Population` on an experiment and keep its traces, and the run store, in `folder`.

    The first generation is made of mutants of the cell `start`, if there is one, as another search may have found it.
    With `resume` the run in `folder` is taken up after the last evaluation that ended, and ends as if it had never
    stopped. `budget` overrides what `[Run]` says about evaluations and samples; `started` is the point of `time.time()`
    from which the run's time counts. neat-python draws from Python's global `random`; all global generators are set
    here. Raises `SearchError` when nothing valid was found and for `start` with `resume`, `StoreError` when the run
    cannot be resumed or written, and what `check_experiment` raises before anything is written.
    """
    check_experiment(experiment, dataset.spec)
    with search_session(
        experiment,
        dataset,
        folder,
        console,
        start=start,
        resume=resume,
        budget=budget,
        listeners=listeners,
        started=started,
    ) as session:
        evaluator = FitnessEvaluator(
            dataset,
            experiment.network,
            experiment.training,
            experiment.fitness,
            device=session.device,
            seed=experiment.run.seed,
            listeners=session.listeners,
            journal=session.store,
            budget=session.budget,
        )
        ended = _run(experiment, session, evaluator)
        result = session.result(evaluator.scorer, ended)
        assert evaluator.best_genome is not None  # there is a best score
        drawing = draw_genome(evaluator.best_genome, experiment.neat.genome_config, title="best genome")
        try_picture(drawing, folder / "genome")
        return result


def _run(experiment: Experiment, session: Session, evaluator: FitnessEvaluator) -> str:
    """Let neat-python search until its generations or the budget end; returns why it ended."""
    population = _population(experiment, session, evaluator)
    population.add_reporter(_Generations(session, population, evaluator))
    journal = RunJournal(session.store, population, evaluator)
    population.add_reporter(journal)
    asked = experiment.run.generations
    left = max(0, asked - population.generation) if asked else None
    try:
        with evaluating_in(session.workers, experiment.run, evaluator.scorer):
            population.run(evaluator, left)
    except BudgetSpentError as end:  # raised through `run`: a budget may end in the middle of a generation
        journal.budget_spent()
        return str(end)
    except CompleteExtinctionException:
        raise SearchError(
            "all species stagnated and died out, and this run cannot go on; a new one does with species_elitism of 1 "
            "or more in [DefaultStagnation], or with reset_on_extinction = True in [NEAT]"
        ) from None
    if not asked or len(session.history) < asked:
        return f"the fitness threshold {population.config.fitness_threshold} is reached; a higher one goes on"
    return generations_done(asked)


def _population(experiment: Experiment, session: Session, evaluator: FitnessEvaluator) -> neat.Population:
    """A new population, or that of the run that the store holds."""
    resumed = resume_run(session.store, experiment.neat, evaluator)
    if resumed is not None:
        session.resumed(resumed.history, evaluator.best)
        return resumed.population
    # neat-python keeps its live counters in the configuration: a second search would go on from the first one's.
    experiment.neat.genome_config.node_indexer = None
    experiment.neat.genome_config.innovation_tracker = None
    seed_all(experiment.run.seed)
    population = neat.Population(with_own_species_config(experiment.neat), seed=experiment.run.seed)
    start = session.store.meta().get("start")
    if start is not None:
        seed_population(population, Architecture.from_json(start).cell)
    return population


class _Generations(BaseReporter):
    """Tells the session's listeners of each generation as neat-python ends it."""

    def __init__(self, session: Session, population: neat.Population, evaluator: FitnessEvaluator) -> None:
        self._session = session
        self._evaluator = evaluator
        self._population = population
        self._started = time.perf_counter()

    def start_generation(self, generation: int) -> None:
        self._started = time.perf_counter()

    def post_evaluate(self, config: Any, population: Any, species: Any, best_genome: Any) -> None:
        seconds = time.perf_counter() - self._started
        self._session.generation_ended(self._evaluator.scorer, len(species.species), seconds)
