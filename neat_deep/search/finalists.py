"""Which of a search's best networks is the winner, once they have been trained again; kept in the run's store."""

from __future__ import annotations

import dataclasses
import json
import logging
from dataclasses import asdict

from rich.console import Console

from neat_deep.config.stored_settings import AnyExperiment
from neat_deep.data import Dataset
from neat_deep.reports.finalists import TRIALS, Finalist, best_networks, finalist_table, rank_finalists, stored_trials
from neat_deep.reports.recorder import save_best, save_network
from neat_deep.scoring.finalists import FinalistTrainer
from neat_deep.scoring.job import BROKEN_OFF
from neat_deep.scoring.scores import all_raised
from neat_deep.search.journal import stored_score
from neat_deep.search.result import SearchResult
from neat_deep.search.session import Session
from neat_deep.search.workers import evaluating_in

log = logging.getLogger(__name__)


def choose_winner(
    result: SearchResult, session: Session, experiment: AnyExperiment, dataset: Dataset, console: Console
) -> SearchResult:
    """A search's result with the best of its finalists as the best network; as it is where none are asked for."""
    finalists = train_finalists(session, experiment, dataset, console)
    if not finalists:
        return result
    winner = finalists[0]
    if winner.record.digest != result.best.digest:
        title = f"best cell, validation accuracy {100 * (winner.accuracy or 0.0):.2f}% trained again"
        save_best(winner.architecture, title, session.folder)
        save_network(winner.architecture, dataset.spec, session.folder)
    return dataclasses.replace(result, best=stored_score(winner.record, winner.architecture), finalists=finalists)


def train_finalists(
    session: Session, experiment: AnyExperiment, dataset: Dataset, console: Console
) -> tuple[Finalist, ...]:
    """Train a search's best networks again and rank them, the winner first; empty if the settings ask for none.

    Each training is stored at once, so a resumed run trains only what is missing; where all raised it tries them again.
    A network whose training fails comes after all others.
    """
    fitness, deadline = experiment.fitness, session.budget.finalist_deadline
    chosen = best_networks(session.store, fitness.finalists)
    if len(chosen) < 2:
        return ()
    trials = stored_trials(session.store)
    if all_raised(trial.status for trial in trials):
        trials = []
    known = {(trial.digest, trial.number) for trial in trials}
    missing = [
        (record.digest, number, session.store.architecture(record.digest))
        for number in range(1, fitness.finalist_seeds + 1)
        for record in chosen
        if (record.digest, number) not in known
    ]
    if missing:
        epochs = fitness.finalist_training(experiment.training).epochs
        console.print(
            f"the best {len(chosen)} networks are trained again: {len(missing)} trainings of {epochs} epochs",
            highlight=False,
            soft_wrap=True,
        )
        trainer = FinalistTrainer(
            dataset, fitness, experiment.training, device=session.device, seed=experiment.run.seed
        )
        with evaluating_in(session.workers, experiment.run, trainer):
            for trial in trainer.train(missing, deadline):
                if trial.status == BROKEN_OFF:
                    log.warning("finalist %s: the time was too short to train it again", trial.digest[:8])
                    continue
                if trial.has_failed:
                    log.warning("finalist %s %s: %s", trial.digest[:8], trial.status, trial.reason)
                trials.append(trial)
                session.store.set_meta(TRIALS, json.dumps([asdict(one) for one in trials]))
    ranked = rank_finalists(session.store, experiment)
    if not ranked:
        log.warning("no finalist was trained again: the best network of the search is the winner")
        return ()
    console.print(finalist_table(ranked))
    return ranked
