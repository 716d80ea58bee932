"""What every search has, whatever its strategy: its store, its traces, its workers, its budget."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from rich.console import Console

from neat_deep.base.devices import get_device
from neat_deep.base.errors import SearchError, StoreError
from neat_deep.config.run_settings import RunSettings
from neat_deep.config.stored_settings import AnyExperiment
from neat_deep.data import Dataset
from neat_deep.reports.pareto import write_front
from neat_deep.reports.progress import ProgressReporter
from neat_deep.reports.recorder import RunRecorder
from neat_deep.reports.summary import GenerationSummary, SearchListener, summarise
from neat_deep.scoring.budget import Budget
from neat_deep.scoring.main_program import refuse_in_importing_process
from neat_deep.scoring.scorer import Scorer
from neat_deep.scoring.scores import Score
from neat_deep.search.result import SearchResult, search_result
from neat_deep.search.run_identity import check_same_run, describe_run
from neat_deep.search.workers import WorkerPlan, plan_workers
from neat_deep.store.file import FILE_NAME
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.starts import Start


@dataclass
class Session:
    """An open search; `listeners` hear of its scores and generations, `history` has those that ended."""

    store: RunStore
    device: torch.device
    budget: Budget
    workers: WorkerPlan
    folder: Path
    listeners: tuple[SearchListener, ...]
    history: list[GenerationSummary] = field(default_factory=list)

    def resumed(self, history: Sequence[tuple[Sequence[Score], int, float]], best: Score | None) -> None:
        """Report a resumed run: each finished generation's scores, number of species and seconds."""
        screened_out = self.store.screened_out()
        self.history = [
            summarise(scores, number, species, seconds, screened_out.get(number - 1, 0))
            for number, (scores, species, seconds) in enumerate(history, start=1)
        ]
        for listener in self.listeners:
            listener.resumed(self.history, best)

    def generation_ended(self, scorer: Scorer, species: int, seconds: float) -> None:
        """Tell of the generation that the scorer scored last."""
        screened_out = self.store.screened_out().get(len(self.history), 0)
        self.history.append(summarise(scorer.generation, len(self.history) + 1, species, seconds, screened_out))
        for listener in self.listeners:
            listener.generation_ended(self.history[-1], scorer.best)

    def result(self, scorer: Scorer, ended: str) -> SearchResult:
        """Draw the Pareto front, and return the result; raises `SearchError` when no network is valid."""
        result = search_result(self.store, scorer, self.history, ended)
        write_front(self.store, self.folder, scorer.skeleton)
        return result


@contextmanager
def search_session(
    experiment: AnyExperiment,
    dataset: Dataset,
    folder: Path,
    console: Console,
    *,
    start: Start | None = None,
    resume: bool = False,
    budget: Budget | None = None,
    listeners: Sequence[SearchListener] = (),
    started: float | None = None,
) -> Iterator[Session]:
    """An open search in `folder`, new or resumed; `budget` replaces the evaluations and samples of `[Run]`.

    Its time counts from `started`, a point of `time.time()`, or from now.

    Raises `StoreError` when the run cannot be resumed or written.
    """
    refuse_in_importing_process()
    if resume and start is not None:
        raise SearchError("start: got one, allowed: None with resume; the run has its first generation already")
    device = get_device(experiment.run.device)
    workers = plan_workers(experiment.run.workers, device, experiment.run.ray_gpus)
    with _open_store(experiment, dataset, folder, device, start, resume=resume) as store:
        store.start_clock("search", 0.0 if started is None else time.time() - started)
        budget = budget or search_budget(experiment.run)
        progress = ProgressReporter(console, _generations(experiment.run), budget.left)
        recorder = RunRecorder(folder, dataset.spec)
        try:
            yield Session(store, device, budget, workers, folder, (progress, recorder, *listeners))
        finally:
            progress.close()
            recorder.close()
            store.stop_clock()


def search_budget(run: RunSettings) -> Budget:
    """What `[Run]` lets a search spend, time aside."""
    return Budget(evaluations=run.evaluations or None, samples=run.samples or None)


def _generations(run: RunSettings) -> int | None:
    return run.generations or None


def _open_store(
    experiment: AnyExperiment,
    dataset: Dataset,
    folder: Path,
    device: torch.device,
    start: Start | None,
    *,
    resume: bool,
) -> RunStore:
    path = folder / FILE_NAME
    if not resume:
        return RunStore.create(path, describe_run(experiment, dataset, device, start))
    store = RunStore.resume(path)
    try:
        check_same_run(store, experiment, dataset, device)
    except StoreError:
        store.close()
        raise
    return store
