"""One evolutionary search by neat-python, from settings to the best architecture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
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
from neat_deep.evolution.genome import CellGenome
from neat_deep.evolution.population_state import decode_genome, from_json, with_own_species_config
from neat_deep.evolution.screened_children import screen_children
from neat_deep.evolution.seeding import seed_population
from neat_deep.reports.pictures.render import draw_genome, try_picture
from neat_deep.reports.summary import SearchListener
from neat_deep.scoring.budget import Budget, BudgetSpentError
from neat_deep.scoring.screening import Screen
from neat_deep.search.checks import check_experiment, check_start, neat_start
from neat_deep.search.finalists import choose_winner
from neat_deep.search.neat_journal import RunJournal, resume_run
from neat_deep.search.proposing import make_screen
from neat_deep.search.result import SearchResult, generations_done
from neat_deep.search.run_identity import stored_start
from neat_deep.search.session import Session, search_session
from neat_deep.search.workers import evaluating_in
from neat_deep.strategies.starts import Start


def evolve(
    experiment: Experiment,
    dataset: Dataset,
    folder: Path,
    console: Console,
    *,
    start: Start | None = None,
    resume: bool = False,
    budget: Budget | None = None,
    listeners: Sequence[SearchListener] = (),
    started: float | None = None,
) -> SearchResult:
    """Run neat-python's `Population` on an experiment and keep its traces, and the run store, in `folder`.

    The first generation is made of mutants of `start`, if there is one: a cell, or an architecture, as another search
    may have found it, whose skeleton counts where skeletons are searched.
    With `resume` the run in `folder` continues after the last evaluation that ended, and ends as if it had never
    stopped. `budget` overrides what `[Run]` says about evaluations and samples; `started` is the point of `time.time()`
    from which the run's time counts. neat-python draws from Python's global `random`; all global generators are set
    here. Raises `SearchError` when nothing valid was found and for `start` with `resume`, `StoreError` when the run
    cannot be resumed or written, and what `check_experiment` raises before anything is written.
    """
    check_experiment(experiment, dataset.spec)
    if start is not None:
        check_start(experiment, start, dataset.spec)
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
        result = choose_winner(session.result(evaluator.scorer, ended), session, experiment, dataset, console)
        genome = _winner(result, session, evaluator)
        drawing = draw_genome(genome, experiment.neat.genome_config, title="best genome")
        try_picture(drawing, folder / "genome")
        return result


def _winner(result: SearchResult, session: Session, evaluator: FitnessEvaluator) -> CellGenome:
    """The genome of the best network: the best of the search, unless the finalists' trainings found a better one."""
    best = evaluator.best_genome
    assert best is not None  # there is a best score
    if not result.finalists or result.best.candidate == best.key:
        return best
    population = from_json(*session.store.state(result.finalists[0].record.generation)).genomes
    return decode_genome(next(genome for genome in population if genome["key"] == result.best.candidate))


def _run(experiment: Experiment, session: Session, evaluator: FitnessEvaluator) -> str:
    """Let neat-python search until its generations or the budget end; returns why it ended."""
    population = _population(experiment, session, evaluator)
    if experiment.search.screen:
        screen = make_screen(experiment.search, evaluator.scorer, session.store, experiment.run.seed)
        population.add_reporter(_Learning(screen, evaluator))
        screen_children(population, screen, partial(evaluator.network, config=experiment.neat))
    population.add_reporter(_Generations(session, population, evaluator))
    journal = RunJournal(session.store, population, evaluator)
    population.add_reporter(journal)
    asked = experiment.run.generations
    remaining = max(0, asked - population.generation) if asked else None
    try:
        with evaluating_in(session.workers, experiment.run, evaluator.scorer):
            population.run(evaluator, remaining)
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
    # neat-python keeps its live counters in the configuration: a second search would continue the first one's.
    experiment.neat.genome_config.node_indexer = None
    experiment.neat.genome_config.innovation_tracker = None
    seed_all(experiment.run.seed)
    population = neat.Population(with_own_species_config(experiment.neat), seed=experiment.run.seed)
    start = stored_start(session.store)
    if start is not None:
        seed_population(population, neat_start(experiment, start, evaluator.scorer.skeleton))
    return population


class _Learning(BaseReporter):
    """Lets a screen hear of each generation's scores before it reproduces."""

    def __init__(self, screen: Screen, evaluator: FitnessEvaluator) -> None:
        self._screen = screen
        self._evaluator = evaluator

    def post_evaluate(self, config: Any, population: Any, species: Any, best_genome: Any) -> None:
        self._screen.hear(self._evaluator.generation)


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
