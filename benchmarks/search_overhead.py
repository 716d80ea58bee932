"""What a search costs beside training and scoring: the share of one generation's wall time.

    python benchmarks/search_overhead.py [--json] [--genomes 50] [--epochs N] [--warmup 3]
    python benchmarks/search_overhead.py --scaling [--json] [--generations 30]

The first form runs `neat_deep.search.evolve.evolve`, the real path with everything that it writes and shows, on
`configs/digits_neat.ini` with `--genomes` genomes. The first `--warmup` generations only breed: training is left out
and scores are drawn at random between 0 and 5%, so that the generation which is timed is a realistic mix of genomes
with nodes added and removed, elites whose score is known, and real new bests to draw. That generation is trained as
the file says (`--epochs` changes it). Costs that arise once a run (imports, fonts) fall into the warm-up.

The clock runs from neat-python's `start_generation` to its `end_generation`, so reproduction and speciation count.
Parts of the library are wrapped with timers while the benchmark runs; nothing in it is changed. A part's time is its
own, without that of parts called inside it: the progress bars that `fit` moves count as bars, not as training. What the
bars' own thread draws meanwhile is counted as overhead by its processor time, since it takes that from the training.

`--scaling` asks how all of that grows with the population: searches of 100 and of 1,000 genomes, each in a process of
its own, whose fitness is a formula of the network's parameters, so that nothing is trained or scored. The formula asks
for networks of the size that digits need: with ever larger ones, a larger population would pay for larger networks.
Networks are built, counted, stored, drawn and bred as ever. Seconds are those of the whole search; of them, those of
neat-python's own reproduction and speciation stand beside. Memory is the process's highest resident set less what it
was before the search, from /proc, so this needs Linux.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import math
import multiprocessing
import random
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import neat
import torch
from neat.reporting import BaseReporter
from rich.console import Console
from rich.live import Live
from rich.table import Table
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from memory import resident_mib
from neat_deep.base.allocator import keep_freed_memory
from neat_deep.config.experiment_file import Experiment, load_experiment
from neat_deep.data import load_dataset
from neat_deep.evolution import fitness
from neat_deep.evolution.reproduction import CellReproduction
from neat_deep.networks.cost import count_parameters
from neat_deep.reports import progress, recorder
from neat_deep.scoring import job as evaluation
from neat_deep.search.evolve import evolve
from neat_deep.search.result import SearchResult
from neat_deep.space.cell_graph import CellGraph
from neat_deep.store.run_store import RunStore
from neat_deep.training.fit import Evaluation, FitReport, evaluate, fit
from turns import at_least

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "digits_neat.ini"
TRAINING, SCORING, BARS_THREAD, REST = "training (fit)", "scoring (evaluate)", "progress bars, own thread", "all else"
SIZES = (100, 1000)  # populations of `--scaling`
TYPICAL_PARAMETERS = 20_000  # where the formula gives 1
WARMUP_BEST = 0.05  # the scores of the warm-up stay below those of any trained network

# What is timed: where the name is looked up, the name, and the part that it counts as.
PARTS: tuple[tuple[Any, str, str], ...] = (
    (fitness, "express_architecture", "express"),
    (CellGraph, "digest", "digest, canonical"),
    (CellGraph, "canonical", "digest, canonical"),
    (evaluation, "build_network", "build"),
    (evaluation, "count_parameters", "build"),
    (evaluation, "count_macs", "count MACs"),
    (RunStore, "record", "store"),
    (RunStore, "keep_weights", "store"),
    (RunStore, "add_generation", "store"),
    (RunStore, "add_state", "store"),
    (recorder, "draw_cell", "render"),
    (recorder, "draw_network", "render"),
    (recorder, "try_picture", "render"),
    (recorder, "plot_history", "history.png"),
    (recorder.RunRecorder, "candidate_scored", "JSON files"),
    (recorder.RunRecorder, "generation_ended", "JSON files"),
    (SummaryWriter, "add_scalar", "TensorBoard"),
    (SummaryWriter, "add_image", "TensorBoard"),
    (SummaryWriter, "flush", "TensorBoard"),
    (progress.ProgressReporter, "generation_started", "progress bars"),
    (progress.ProgressReporter, "training_progressed", "progress bars"),
    (progress.ProgressReporter, "candidate_scored", "progress bars"),
    (progress.ProgressReporter, "generation_ended", "progress bars"),
    (CellReproduction, "reproduce", "reproduction"),
    (neat.DefaultSpeciesSet, "speciate", "speciation"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and with `--json` one line of JSON."""
    options = _parse(arguments)
    if options.scaling:
        scaled = measure_scaling(options.sizes, options.generations)
        _show_scaling(scaled, options.sizes, options.generations)
        if options.json:
            print(json.dumps(scaled))
        return
    experiment = _read_experiment(options)
    clock = Clock(timed=options.warmup)
    result = run_search(experiment, clock)
    scored = result.history[-1]
    work = clock.seconds[TRAINING] + clock.seconds[SCORING] - clock.seconds[BARS_THREAD]
    overhead = clock.wall - max(0.0, work)
    figures = {
        "overhead_share": overhead / clock.wall,
        "overhead_seconds_per_genome": overhead / options.genomes,
        "generation_seconds": clock.wall,
        "genomes": options.genomes,
        "trained": scored.scored,
        "reused": scored.reused,
        "failed": scored.failed,
        "parts": dict(clock.seconds),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    _show(figures)
    if options.json:
        print(json.dumps(figures))


class Clock(BaseReporter):
    """Times one generation and its parts; a neat-python reporter, to know where a generation starts and ends."""

    def __init__(self, timed: int) -> None:
        self.wall = 0.0
        self.seconds: dict[str, float] = defaultdict(float)
        self.running = False
        self._timed = timed
        self._started = 0.0
        self._inner = [0.0]  # seconds of the parts within each part that is open; the first entry is the generation
        self._thread = threading.get_ident()

    def start_generation(self, generation: int) -> None:
        """Start, if it is the generation to time."""
        self.running = generation == self._timed
        self._inner = [0.0]
        self._started = time.perf_counter()

    def end_generation(self, config: Any, population: Any, species_set: Any) -> None:  # noqa: ARG002
        """Stop."""
        if self.running:
            self.wall = time.perf_counter() - self._started
            self.seconds[REST] = self.wall - self._inner[0]
        self.running = False

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, its own time added to `part` while the clock runs."""

        @functools.wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            if not self.running:
                return function(*arguments, **options)
            if threading.get_ident() != self._thread:
                return self._call_in_thread(function, *arguments, **options)
            started = time.perf_counter()
            self._inner.append(0.0)
            try:
                return function(*arguments, **options)
            finally:
                elapsed = time.perf_counter() - started
                self.seconds[part] += elapsed - self._inner.pop()
                self._inner[-1] += elapsed

        return call

    def _call_in_thread(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        started = time.thread_time()
        try:
            return function(*arguments, **options)
        finally:
            self.seconds[BARS_THREAD] += time.thread_time() - started


def run_search(experiment: Experiment, clock: Clock) -> SearchResult:
    """Run the search with timers in place, its files in a folder that is removed and its console in another."""
    run = neat.Population.run
    scores = random.Random(experiment.run.seed)

    def fit_if_timed(model: Any, *arguments: Any, **options: Any) -> FitReport:
        if clock.running:
            return fit(model, *arguments, **options)
        return FitReport(epochs=0, samples=0, loss=0.0, seconds=0.0, best_epoch=0)

    def evaluate_if_timed(model: Any, split: Any, **options: Any) -> Evaluation:
        if clock.running:
            return evaluate(model, split, **options)
        return Evaluation(loss=1.0, accuracy=scores.uniform(0, WARMUP_BEST), examples=len(split))

    def run_with_clock(population: neat.Population, *arguments: Any) -> Any:
        population.add_reporter(clock)
        return run(population, *arguments)

    dataset = load_dataset(experiment.data)
    with ExitStack() as stack:
        for owner, name, part in PARTS:
            stack.enter_context(mock.patch.object(owner, name, clock.timed(part, getattr(owner, name))))
        stack.enter_context(mock.patch.object(Live, "refresh", clock.timed("progress bars", Live.refresh)))
        stack.enter_context(mock.patch.object(evaluation, "fit", clock.timed(TRAINING, fit_if_timed)))
        stack.enter_context(mock.patch.object(evaluation, "evaluate", clock.timed(SCORING, evaluate_if_timed)))
        stack.enter_context(mock.patch.object(neat.Population, "run", run_with_clock))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        screen = stack.enter_context((folder / "screen").open("w", encoding="utf-8"))
        # a terminal, or the bars would not be drawn
        return evolve(experiment, dataset, folder / "run", Console(file=screen, force_terminal=True, width=120))


# --- how it grows ----------------------------------------------------------------------------------------------------


def measure_scaling(sizes: Sequence[int], generations: int) -> dict[str, Any]:
    """Seconds and MiB of a search by formula for each size of the population, and how they grow."""
    context = multiprocessing.get_context("spawn")
    figures: dict[str, Any] = {
        "generations": generations,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    for size in sizes:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            measured = pool.submit(_search_by_formula, size, generations).result()
        figures |= {f"{name}_{size}": value for name, value in measured.items()}
    small, large = sizes[0], sizes[-1]
    figures["growth_of_genomes"] = large / small
    figures["growth_of_seconds"] = figures[f"seconds_{large}"] / figures[f"seconds_{small}"]
    figures["growth_of_memory"] = figures[f"peak_mb_{large}"] / figures[f"peak_mb_{small}"]
    return figures


def _search_by_formula(genomes: int, generations: int) -> dict[str, float]:
    """A whole search's seconds, those of neat-python in them, its networks, their mean size, and its memory in MiB."""
    experiment = load_experiment(CONFIG)
    experiment.neat.pop_size = genomes
    experiment = dataclasses.replace(
        experiment, run=dataclasses.replace(experiment.run, generations=generations, workers="0")
    )
    dataset = load_dataset(experiment.data)
    breeding = [0.0]
    built: list[int] = []  # the parameters of each network

    def score(model: nn.Module, split: Any, **_: Any) -> Evaluation:
        built.append(count_parameters(model))
        accuracy = 1 / (1 + abs(math.log(built[-1] / TYPICAL_PARAMETERS)))
        return Evaluation(loss=1.0, accuracy=accuracy, examples=len(split))

    def added(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                breeding[0] += time.perf_counter() - started

        return call

    nothing = FitReport(epochs=0, samples=0, loss=0.0, seconds=0.0, best_epoch=0)
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(evaluation, "fit", lambda *_, **__: nothing))
        stack.enter_context(mock.patch.object(evaluation, "evaluate", score))
        for owner, name in ((neat.DefaultReproduction, "reproduce"), (neat.DefaultSpeciesSet, "speciate")):
            stack.enter_context(mock.patch.object(owner, name, added(getattr(owner, name))))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        screen = stack.enter_context((folder / "screen").open("w", encoding="utf-8"))
        before, started = resident_mib("VmRSS"), time.perf_counter()
        evolve(experiment, dataset, folder / "run", Console(file=screen, force_terminal=True, width=120))
        seconds, peak = time.perf_counter() - started, resident_mib("VmHWM") - before
    return {
        "seconds": seconds,
        "breeding_seconds": breeding[0],
        "networks": len(built),
        "mean_parameters": statistics.fmean(built),
        "peak_mb": peak,
    }


def _show_scaling(figures: dict[str, Any], sizes: Sequence[int], generations: int) -> None:
    table = Table(
        title=f"{generations} generations with a fitness from a formula",
        caption=f"{figures['growth_of_genomes']:.0f} times the genomes: {figures['growth_of_seconds']:.1f} times the "
        f"seconds, {figures['growth_of_memory']:.1f} times the memory",
    )
    headings = ("genomes", "seconds", "of them neat-python's", "ms a genome", "networks built", "ms a network", "MiB")
    for heading in headings:
        table.add_column(heading, justify="right")
    for size in sizes:
        seconds = figures[f"seconds_{size}"]
        table.add_row(
            f"{size:,}",
            f"{seconds:.1f}",
            f"{figures[f'breeding_seconds_{size}']:.1f}",
            f"{1000 * seconds / size / generations:.1f}",
            f"{figures[f'networks_{size}']:,}",
            f"{1000 * seconds / figures[f'networks_{size}']:.1f}",
            f"{figures[f'peak_mb_{size}']:.0f}",
        )
    Console().print(table)


# --- parts -----------------------------------------------------------------------------------------------------------


def _read_experiment(options: argparse.Namespace) -> Experiment:
    experiment = load_experiment(CONFIG)
    experiment.neat.pop_size = options.genomes
    if options.epochs:
        shorter = dataclasses.replace(experiment.fitness, epochs=options.epochs)
        experiment = dataclasses.replace(experiment, fitness=shorter)
    return dataclasses.replace(
        experiment, run=dataclasses.replace(experiment.run, generations=options.warmup + 1, workers="0")
    )


def _show(figures: dict[str, Any]) -> None:
    wall = figures["generation_seconds"]
    table = Table(
        title=f"one generation of {figures['genomes']} genomes (trained {figures['trained']}, reused "
        f"{figures['reused']}, failed {figures['failed']}) in {wall:.1f} s; {figures['threads']} threads",
        caption=f"overhead: {100 * figures['overhead_share']:.2f}%, "
        f"{1000 * figures['overhead_seconds_per_genome']:.1f} ms a genome",
    )
    table.add_column("part")
    for heading in ("seconds", "share of the generation"):
        table.add_column(heading, justify="right")
    for part, seconds in sorted(figures["parts"].items(), key=lambda item: -item[1]):
        table.add_row(part, f"{seconds:.3f}", f"{100 * seconds / wall:.2f}%")
    Console().print(table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON, last")
    parser.add_argument("--genomes", type=at_least(2), default=50, help="population (default: %(default)s)")
    parser.add_argument("--epochs", type=at_least(1), help="epochs a genome is trained for; over [Fitness] epochs")
    parser.add_argument(
        "--warmup", type=at_least(0), default=3, help="generations that only breed, not timed (default: %(default)s)"
    )
    parser.add_argument("--scaling", action="store_true", help="populations by a formula, and how time and memory grow")
    parser.add_argument(
        "--sizes",
        type=at_least(2),
        nargs="+",
        default=SIZES,
        metavar="N",
        help="populations of --scaling, smallest first (default: 100 1000)",
    )
    parser.add_argument(
        "--generations", type=at_least(1), default=30, help="of each search with --scaling (default: %(default)s)"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    keep_freed_memory()  # as the scripts do
    main()
