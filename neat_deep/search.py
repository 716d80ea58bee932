"""One evolutionary search, from settings to the best architecture, with everything that it leaves in its folder."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import neat
from neat.population import CompleteExtinctionException
from rich.console import Console

from neat_deep.architecture import RANK_NAMES
from neat_deep.cell_graph import NONE, CellGraph
from neat_deep.checks import check_range
from neat_deep.config import Experiment
from neat_deep.data import Augmentation, Dataset, DataSpec
from neat_deep.errors import ConfigError, OutputError, SearchError
from neat_deep.files import make_folder
from neat_deep.fitness import FitnessEvaluator, Score
from neat_deep.ops import get_op, list_ops
from neat_deep.plots import GenerationSummary
from neat_deep.render import draw_genome, try_picture
from neat_deep.reporting import ProgressReporter, RunRecorder
from neat_deep.seeding import seed_population
from neat_deep.training import get_device, set_threads


@dataclass(frozen=True)
class SearchResult:
    """What a search found and what it cost; `best.accuracy` is on the validation examples of the search."""

    best: Score
    history: tuple[GenerationSummary, ...]
    seconds: float
    trained: int
    reused: int
    failed: int


def evolve(
    experiment: Experiment, dataset: Dataset, folder: Path, console: Console, *, start: CellGraph | None = None
) -> SearchResult:
    """Run neat-python's `Population` on an experiment and keep its traces in `folder`.

    The first generation is made of mutants of the cell `start`, if there is one, as DARTS may have found it.
    neat-python draws from Python's global `random`, which is seeded from `[Run] seed` here. Raises `SearchError`
    when nothing valid was found, and what `check_experiment` raises before anything is written.
    """
    check_experiment(experiment, dataset.spec)
    device = get_device(experiment.run.device)
    set_threads(experiment.run.threads)
    progress = ProgressReporter(console, experiment.run.generations)
    recorder = RunRecorder(make_folder(folder), dataset.spec, progress)
    evaluator = FitnessEvaluator(
        dataset,
        experiment.network,
        experiment.training,
        experiment.fitness,
        device=device,
        seed=experiment.run.seed,
        listeners=(progress, recorder),
    )
    recorder.watch(evaluator)
    # neat-python keeps its live counters in the configuration: a second search would go on from the first one's keys.
    experiment.neat.genome_config.node_indexer = None
    experiment.neat.genome_config.innovation_tracker = None
    population = neat.Population(experiment.neat, seed=experiment.run.seed)
    if start is not None:
        seed_population(population, start)
    population.add_reporter(progress)
    population.add_reporter(recorder)
    started = time.perf_counter()
    try:
        population.run(evaluator, experiment.run.generations)
    except CompleteExtinctionException:
        raise SearchError("all species stagnated and died out; raise max_stagnation or species_elitism") from None
    finally:
        progress.close()
        recorder.close()
    if evaluator.best is None or evaluator.best_genome is None:
        raise SearchError("no genome of any generation connects input to output and trains; see the log above")
    try_picture(
        draw_genome(evaluator.best_genome, experiment.neat.genome_config, title="best genome"), folder / "genome"
    )
    return SearchResult(
        evaluator.best,
        tuple(recorder.history),
        time.perf_counter() - started,
        evaluator.trained,
        evaluator.reused,
        evaluator.failed,
    )


def check_experiment(experiment: Experiment, data: DataSpec) -> None:
    """Raise `ConfigError` for settings that are possible, but not with this data set."""
    check_ops(experiment, data.rank)
    for key in ("train_subset", "validation_subset"):
        count = getattr(experiment.fitness, key)
        if 0 < count < data.num_classes:
            allowed = f"0 (all), or {data.num_classes} (one of each class) or more"
            raise ConfigError(f"[Fitness] {key}: got {count}, allowed: {allowed}")
    check_augmentation(experiment.training.augmentation, data)


def check_ops(experiment: Experiment, rank: int) -> None:
    """Raise `ConfigError` for an op in `op_options` that does not support the data's rank."""
    for name in experiment.neat.genome_config.op_options:
        if name != NONE and rank not in get_op(name).ranks:
            raise ConfigError(
                f"[CellGenome] op_options: got '{name}', which does not support the {RANK_NAMES[rank]} of this"
                f" data set; allowed: {', '.join([*list_ops(rank), NONE])}"
            )


def check_augmentation(augmentation: Augmentation, data: DataSpec) -> None:
    """Raise `ConfigError` for a shift or an erased square that does not fit the data's images."""
    for key in ("shift", "erase"):
        pixels = getattr(augmentation, key)
        if pixels:
            check_range(f"[Training] augmentation_{key}", pixels, low=0, high=min(data.shape[1:]) - 1)


def new_folder(wanted: Path | str) -> Path:
    """`wanted`, or the first of `wanted-2`, `wanted-3` ... that is not there yet: no run overwrites another.

    Raises `OutputError`.
    """
    path = first = Path(wanted)
    if first.name in ("", ".."):  # no name to put a number behind
        raise OutputError(f"got '{wanted}', allowed: the name of a new folder")
    try:
        if first.exists() and not first.is_dir():
            raise OutputError(f"{first} is a file, allowed: a folder")
        number = 2
        while path.exists():
            path = first.with_name(f"{first.name}-{number}")
            number += 1
    except OSError as error:  # a folder on the way is not ours to look into, or a name is too long
        raise OutputError(f"cannot make the folder {path}: {error.strerror or error}") from None
    return make_folder(path)
