"""Several short searches, each with a seed of its own; the best cell by validation counts (DARTS, section 3.2)."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from darts.bilevel import SearchResult
from darts.history import EpochSummary, history_from_json
from darts.searches import HISTORY, CellScore, folder_of, read_score, search_folders, write_score
from darts.settings import DartsExperiment
from neat_deep.base.errors import DivergedError, SearchError
from neat_deep.base.files import read_text
from neat_deep.base.randomness import derive_seed
from neat_deep.data import Dataset
from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture
from neat_deep.training.fit import evaluate, fit


@dataclass(frozen=True)
class Restart:
    """One of several searches, by its number (from 1): the validation accuracy (0..1) of its cell, trained for a while.

    It is None for a cell whose training diverged.
    """

    number: int
    accuracy: float | None


Searching = Callable[[int, int, Path, float | None], SearchResult]


def search_several(
    search: Searching,
    experiment: DartsExperiment,
    dataset: Dataset,
    device: torch.device,
    folder: Path,
    console: Console,
    latest: float | None = None,
    scoring: float = 0.0,
    tick: Callable[[], None] = lambda: None,
) -> tuple[SearchResult, tuple[Restart, ...]]:
    """Search `restarts` times and compare the cells; returns the search with the best one, and the outcomes of all.

    `search` is called with a search's number, its seed, its folder, and the point of `time.time()` when it must end; it
    resumes where it stopped before. What was scored in an earlier process is not done again. When the time until
    `latest` is too short for one more search as long as the longest, there are fewer; `scoring` are the seconds that
    training one cell for its score will probably take. `tick` is called when a cell is scored. Raises `SearchError`
    when no cell can be trained.
    """
    count = experiment.darts.restarts
    results: dict[int, SearchResult] = {}
    restarts: list[Restart] = []
    longest = 0.0
    for number in range(1, count + 1):
        own = folder_of(folder, number)
        score = read_score(own)
        if score is None:
            if restarts and latest is not None and time.time() + longest > latest:
                console.print(f"the time is too short for search {number} of {count}", highlight=False)
                break
            started = time.time()
            own.mkdir(parents=True, exist_ok=True)
            end = None if latest is None else started + (latest - started) / (count - number + 1) - scoring
            results[number] = search(number, _seed(experiment, number), own, end)
            score = _score(results[number].architecture, experiment, dataset, device, number)
            write_score(own, score)
            tick()
        longest = max(longest, score.seconds + sum(epoch.seconds for epoch in _history(own)))
        restarts.append(Restart(number, score.accuracy))
        reached = score.accuracy
        outcome = "its cell cannot be trained" if reached is None else f"its cell reaches {100 * reached:.2f}%"
        console.print(f"search {number} of {count}: {outcome}", highlight=False)
    best = max(restarts, key=lambda one: (one.accuracy is not None, one.accuracy or 0.0))
    if best.accuracy is None:
        raise SearchError(f"the cells of all {len(restarts)} searches diverge when they are trained")
    if best.number not in results:
        place = folder_of(folder, best.number)
        # No epoch more, also where the time had cut it short: what is returned is what was scored.
        results[best.number] = search(best.number, _seed(experiment, best.number), place, 0.0)
    return results[best.number], tuple(restarts)


def cost_of(
    run: Path, experiment: DartsExperiment, dataset: Dataset, restarts: Sequence[Restart], chosen: SearchResult
) -> tuple[int, float]:
    """The training examples and the seconds of all searches of a run, with what scored their cells.

    What selecting a cell took after the last epoch is known of the `chosen` search, and taken for each of them.
    """
    if not restarts:
        return chosen.samples, chosen.seconds
    folders = search_folders(run)
    histories = [_history(folder) for folder in folders]
    samples = sum(history[-1].samples for history in histories if history)
    selecting = chosen.samples - (chosen.history[-1].samples if chosen.history else 0)
    samples += len(restarts) * (selecting + _scoring_epochs(experiment) * len(dataset.train))
    seconds = sum(epoch.seconds for history in histories for epoch in history)
    seconds += sum(score.seconds for folder in folders if (score := read_score(folder)) is not None)
    return samples, seconds + len(restarts) * (chosen.seconds - sum(epoch.seconds for epoch in chosen.history))


def _history(folder: Path) -> list[EpochSummary]:
    """The epochs that a search has done so far."""
    path = folder / HISTORY
    return history_from_json(read_text(path, "history", SearchError)) if path.is_file() else []


def _scoring_epochs(experiment: DartsExperiment) -> int:
    return experiment.darts.restart_epochs or experiment.training.epochs


def _seed(experiment: DartsExperiment, number: int) -> int:
    """The first search is the one that there would be without restarts."""
    seed = experiment.run.seed
    return seed if number == 1 else derive_seed(seed, "restart", str(number))


def _score(
    architecture: Architecture, experiment: DartsExperiment, dataset: Dataset, device: torch.device, number: int
) -> CellScore:
    """The validation accuracy after a training that no validation example has part in."""
    started = time.perf_counter()
    training = experiment.training
    settings = dataclasses.replace(training, epochs=_scoring_epochs(experiment), early_stopping=0)
    seed = derive_seed(experiment.run.seed, "score of a restart", str(number))
    network = build_network(architecture, dataset.spec, seed=seed, vectors=dataset.vectors, train=dataset.train)
    try:
        fit(network, dataset.train, settings, device=device, seed=seed)
    except DivergedError:
        return CellScore(None, time.perf_counter() - started)
    accuracy = evaluate(network, dataset.validation, device=device).accuracy
    return CellScore(accuracy, time.perf_counter() - started)
