"""One evolutionary search, from settings to the best architecture, with everything that it leaves in its folder."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

import neat
import torch
from neat.population import CompleteExtinctionException
from rich.console import Console

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ArchitectureError, ConfigError, NeatDeepError, OutputError, SearchError, StoreError
from neat_deep.base.randomness import seed_all
from neat_deep.config.experiment_file import Experiment
from neat_deep.data import Augmentation, Dataset, DataSpec
from neat_deep.data.augmentation import check_augmentation as suit_rank
from neat_deep.evolution.fitness import FitnessEvaluator, Score
from neat_deep.evolution.seeding import seed_population
from neat_deep.networks.network import check_op, check_reductions
from neat_deep.ops import get_op, list_ops
from neat_deep.reports.pareto import write_front
from neat_deep.reports.pictures.plots import GenerationSummary
from neat_deep.reports.pictures.render import draw_genome, try_picture
from neat_deep.reports.reporting import ProgressReporter, RunRecorder, summarise
from neat_deep.scoring.executors import RAY, Executor, RayWorkers, WorkerPool, check_workers
from neat_deep.scoring.job import Job, JobResult
from neat_deep.search.journal import RunJournal, check_same_run, describe_run, resume_run
from neat_deep.space.architecture import RANK_NAMES, Architecture
from neat_deep.space.cell_graph import NONE, CellGraph
from neat_deep.store.file import FILE_NAME
from neat_deep.store.run_store import RunStore
from neat_deep.training.fit import get_device, set_threads


@dataclass(frozen=True)
class SearchResult:
    """What a search found and what it cost; `best.accuracy` is on the validation examples of the search.

    `seconds` are of all scored generations. The training examples that were seen, and those that reuse of scores and
    early stopping spared, are counted against training every connected genome from scratch.
    """

    best: Score
    history: tuple[GenerationSummary, ...]
    seconds: float
    trained: int
    reused: int
    failed: int
    samples: int
    saved_by_reuse: int
    saved_by_rungs: int


def evolve(
    experiment: Experiment,
    dataset: Dataset,
    folder: Path,
    console: Console,
    *,
    start: CellGraph | None = None,
    resume: bool = False,
) -> SearchResult:
    """Run neat-python's `Population` on an experiment and keep its traces, and the run store, in `folder`.

    The first generation is made of mutants of the cell `start`, if there is one, as DARTS may have found it. With
    `resume` the run in `folder` goes on from the last evaluation that ended, and ends as if it had never stopped.
    neat-python draws from Python's global `random`; all global generators are set here. Raises `SearchError` when
    nothing valid was found and for `start` with `resume`, `StoreError` when the run cannot be resumed or written,
    and what `check_experiment` raises before anything is written.
    """
    check_experiment(experiment, dataset.spec)
    if resume and start is not None:
        raise SearchError("start: got a cell, allowed: None with resume; the run has its first generation already")
    device = get_device(experiment.run.device)
    set_threads(experiment.run.threads)
    with _open_store(experiment, dataset, folder, device, start, resume=resume) as store:
        return _evolve(experiment, dataset, folder, console, store, device)


def _open_store(
    experiment: Experiment,
    dataset: Dataset,
    folder: Path,
    device: torch.device,
    start: CellGraph | None,
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


def _evolve(
    experiment: Experiment,
    dataset: Dataset,
    folder: Path,
    console: Console,
    store: RunStore,
    device: torch.device,
) -> SearchResult:
    progress = ProgressReporter(console, experiment.run.generations)
    recorder = RunRecorder(folder, dataset.spec, progress)
    evaluator = FitnessEvaluator(
        dataset,
        experiment.network,
        experiment.training,
        experiment.fitness,
        device=device,
        seed=experiment.run.seed,
        listeners=(progress, recorder),
        journal=store,
    )
    recorder.watch(evaluator)
    population = _population(experiment, store, evaluator, progress, recorder)
    executor = _executor(experiment, evaluator)
    for reporter in (progress, recorder, RunJournal(store, population, evaluator)):
        population.add_reporter(reporter)
    try:
        population.run(evaluator, max(0, experiment.run.generations - population.generation))
    except CompleteExtinctionException:
        raise SearchError("all species stagnated and died out; raise max_stagnation or species_elitism") from None
    finally:
        if executor is not None:
            executor.close()
        progress.close()
        recorder.close()
    if evaluator.best is None or evaluator.best_genome is None:
        raise SearchError("no genome of any generation connects input to output and trains; see the log above")
    try_picture(
        draw_genome(evaluator.best_genome, experiment.neat.genome_config, title="best genome"), folder / "genome"
    )
    write_front(store, experiment.neat.genome_config, evaluator.skeleton, folder)
    generations = store.generations()
    return SearchResult(
        evaluator.best,
        tuple(recorder.history),
        sum(row.seconds for row in generations),
        evaluator.trained,
        evaluator.reused,
        evaluator.failed,
        sum(row.samples for row in generations),
        sum(row.saved_by_reuse for row in generations),
        sum(row.saved_by_rungs for row in generations),
    )


def _population(
    experiment: Experiment,
    store: RunStore,
    evaluator: FitnessEvaluator,
    progress: ProgressReporter,
    recorder: RunRecorder,
) -> neat.Population:
    """A new population, or that of the run that the store holds."""
    resumed = resume_run(store, experiment.neat, evaluator)
    if resumed is None:
        # neat-python keeps its live counters in the configuration: a second search would go on from the first one's.
        experiment.neat.genome_config.node_indexer = None
        experiment.neat.genome_config.innovation_tracker = None
        seed_all(experiment.run.seed)
        population = neat.Population(experiment.neat, seed=experiment.run.seed)
        start = store.meta().get("start")
        if start is not None:
            seed_population(population, Architecture.from_json(start).cell)
        return population
    history = [
        summarise(scores, number, species, seconds)
        for number, (scores, species, seconds) in enumerate(resumed.history, start=1)
    ]
    recorder.go_on(history)
    progress.go_on(evaluator.best.accuracy or 0.0 if evaluator.best is not None else 0.0)
    return resumed.population


def _executor(experiment: Experiment, evaluator: FitnessEvaluator) -> Executor[Job, JobResult] | None:
    """What runs the evaluations beside this process, if anything does."""
    run, threads = experiment.run, torch.get_num_threads()
    if run.workers in ("0", "1"):
        return None
    executor: Executor[Job, JobResult]
    if run.workers == RAY:
        executor = RayWorkers(evaluator.evaluate, threads, address=run.ray_address, gpus=run.ray_gpus)
    else:
        executor = WorkerPool(evaluator.evaluate, int(run.workers), threads)
    evaluator.use(executor)
    return executor


def check_experiment(experiment: Experiment, data: DataSpec) -> None:
    """Raise `ConfigError` for settings that are possible, but not with this data set."""
    check_ops(experiment, data.rank)
    try:
        check_reductions(experiment.network, data)
    except ArchitectureError as error:
        raise ConfigError(f"[Network] {error}") from None
    check_widths(experiment, data.rank)
    for key in ("train_subset", "validation_subset"):
        count = getattr(experiment.fitness, key)
        if 0 < count < data.num_classes:
            allowed = f"0 (all), or {data.num_classes} (one of each class) or more"
            raise ConfigError(f"[Fitness] {key}: got {count}, allowed: {allowed}")
    check_augmentation(experiment.training.augmentation, data)
    check_workers(experiment.run.workers)


def check_ops(experiment: Experiment, rank: int) -> None:
    """Raise `ConfigError` for an op in `op_options` that does not support the data's rank."""
    for name in experiment.neat.genome_config.op_options:
        if name != NONE and rank not in get_op(name).ranks:
            raise ConfigError(
                f"[CellGenome] op_options: got '{name}', which does not support the {RANK_NAMES[rank]} of this"
                f" data set; allowed: {', '.join([*list_ops(rank), NONE])}"
            )


def check_widths(experiment: Experiment, rank: int) -> None:
    """Raise what an op of `op_options` raises that cannot be built as wide as a cell, in the search or after it."""
    full = experiment.network
    ops = [name for name in experiment.neat.genome_config.op_options if name != NONE]
    for section, skeleton in (("Network", full), ("Fitness", experiment.fitness.skeleton(full))):
        widths = sorted({skeleton.channels_of_cell(cell) for cell in range(skeleton.cells)})
        try:
            for name, width in itertools.product(ops, widths):
                check_op(name, rank, width)
        except NeatDeepError as error:
            raise ConfigError(f"[{section}] channels: {error}") from None


def check_augmentation(augmentation: Augmentation, data: DataSpec) -> None:
    """Raise `ConfigError` for what is not for such examples, or does not fit the data's images."""
    try:
        suit_rank(augmentation, data.rank)
    except ConfigError as error:
        holds = f"the data set '{data.name}' holds {'texts' if data.rank == 1 else 'images'}"
        raise ConfigError(f"[Training] augmentation_{error}; {holds}") from None
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
        number = 1
        while True:
            try:
                path.mkdir(parents=True)  # asks and takes in one: two runs that start together get two folders
                return path
            except FileExistsError:
                if not os.path.lexists(path):  # a parent is a link that leads nowhere
                    raise
                number += 1
                path = first.with_name(f"{first.name}-{number}")
    except OSError as error:  # a folder on the way is not ours to look into, or a name is too long
        raise OutputError(f"cannot make the folder {path}: {error.strerror or error}") from None
