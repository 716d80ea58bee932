"""One search by a strategy of the registry, from settings to the best architecture, stopped and resumed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.data import Dataset
from neat_deep.reports.summary import SearchListener
from neat_deep.scoring.budget import Budget
from neat_deep.scoring.scorer import Scorer
from neat_deep.scoring.steady import SteadyScorer
from neat_deep.search.asynchronous_loop import run_asynchronously
from neat_deep.search.checks import check_experiment, make_strategy
from neat_deep.search.finalists import choose_winner
from neat_deep.search.generation_loop import run_generations
from neat_deep.search.proposing import ScreenedStrategy, make_screen
from neat_deep.search.result import SearchResult
from neat_deep.search.run_identity import stored_start
from neat_deep.search.session import search_session
from neat_deep.search.taking_up import most_living, recent_scores
from neat_deep.search.workers import evaluating_in
from neat_deep.strategies.starts import Start
from neat_deep.strategies.strategy import HasNote, Strategy


def search(
    experiment: StrategyExperiment,
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
    """Search by the experiment's strategy, from `start` if there is one, and keep its traces in `folder`.

    A start is a cell, or an architecture, whose skeleton counts where skeletons are searched.

    With `resume` the run in `folder` continues after the last evaluation that ended, and ends as if it had never
    stopped. `budget` overrides what `[Run]` says about evaluations and samples; `started` is the point of
    `time.time()` from which the run's time counts. Raises `SearchError` when nothing valid was found and
    for `start` with `resume`, `StoreError` when the run cannot be resumed or written, and what `check_experiment`
    raises before anything is written.
    """
    check_experiment(experiment, dataset.spec, resume=resume, start=start)
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
        skeleton = dataclasses.replace(experiment.network, rank=dataset.spec.rank)
        strategy = make_strategy(experiment, skeleton, stored_start(session.store))
        if isinstance(strategy, HasNote):
            console.print(strategy.note, highlight=False, markup=False, soft_wrap=True)
        options: dict[str, Any] = {
            "device": session.device,
            "seed": experiment.run.seed,
            "listeners": session.listeners,
            "journal": session.store,
            "budget": session.budget,
            "most_living": most_living(strategy, experiment.search.keep_parents),
        }
        parts = dataset, experiment.fitness, experiment.training, experiment.network
        scorer: Scorer
        run_loop: Callable[[Strategy], str]
        if experiment.search.asynchronous:
            console.print("asynchronous: this search cannot be repeated", highlight=False)
            size, recent = experiment.search.generation_size, recent_scores(experiment.search)
            scorer = steady = SteadyScorer(*parts, batch=size, recent=recent, **options)
            run_loop = partial(run_asynchronously, experiment, session, steady)
        else:
            scorer = Scorer(*parts, **options)
            run_loop = partial(run_generations, experiment, session, scorer)
        if experiment.search.screen:
            screen = make_screen(experiment.search, scorer, session.store, experiment.run.seed)
            kept = frozenset() if stored_start(session.store) is None else frozenset({0})  # what it starts from
            strategy = ScreenedStrategy(strategy, screen, scorer.skeleton, kept)
        with evaluating_in(session.workers, experiment.run, scorer, ahead=not experiment.search.asynchronous):
            ended = run_loop(strategy)
        return choose_winner(session.result(scorer, ended), session, experiment, dataset, console)
