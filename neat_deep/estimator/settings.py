"""The experiment that an estimator runs: of a shipped INI file, made to fit the examples, or of a user's own."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

from neat_deep.base.checks import check_range
from neat_deep.base.files import write_text
from neat_deep.base.shipped import shipped_file
from neat_deep.config.experiment_file import Experiment, load_experiment
from neat_deep.config.neat_sections import MOST_GENOMES
from neat_deep.config.stored_settings import AnyExperiment, settings_text
from neat_deep.config.strategy_experiment import StrategyExperiment, load_strategy_experiment, strategy_of
from neat_deep.data import IN_MEMORY, Augmentation
from neat_deep.estimator.errors import InputError
from neat_deep.estimator.examples import ImageReader, Reader, image_shape
from neat_deep.strategies.registry import IN_STORE, NEAT, STRATEGIES

SMALL, LARGE, TEXTS = "digits_neat.ini", "mnist_neat.ini", "sst2_neat.ini"  # for images of up to 16 pixels, of more
SMALL_SIDE = 16
LAST_SIDE = 8  # of the feature maps that the last cells work on, at most, where there are cells enough
LEAST_STEPS = 10  # of an epoch, where there are examples enough
LEAST_BATCH = 8
OF_EACH_CLASS = 10  # training examples of an evaluation, at least

Settings = TypeVar("Settings", bound=Any)


@dataclass(frozen=True)
class FitOptions:
    """What an estimator's parameters say about its run; None leaves what the INI file says."""

    strategy: str = NEAT
    config: Any = None
    out: Any = None
    minutes: float | None = None
    evaluations: int | None = None
    epochs: int | None = None
    population: int | None = None
    device: str | None = None
    workers: int | str | None = None

    def check(self) -> None:
        """Raise `InputError` for a value of the wrong type; what is out of range is met by the settings."""
        for name in ("minutes", "evaluations", "epochs", "population"):
            value = getattr(self, name)
            kind, allowed = (Real, "a number") if name == "minutes" else (Integral, "a whole number")
            if value is not None and (isinstance(value, bool) or not isinstance(value, kind)):
                raise InputError(f"{name}: got {value!r}, allowed: {allowed}")
        for name in ("minutes", "evaluations"):
            if getattr(self, name) == 0:
                raise InputError(f"{name}: got 0, allowed: more than 0, or None")


def make_experiment(options: FitOptions, reader: Reader, count: int, classes: int, seed: int) -> AnyExperiment:
    """The experiment for `count` examples of so many classes; raises `ConfigError` or `InputError`.

    A file of the user's own is taken as it is, but for [Data] dataset.
    """
    options.check()
    if options.config is None:
        experiment = _fit_to_examples(_load_shipped(options.strategy, reader), reader, count, classes)
    else:
        experiment = _load_own(options)
    experiment = _with_options(experiment, options, seed)
    return dataclasses.replace(experiment, text=settings_text(experiment))


def _load_own(options: FitOptions) -> AnyExperiment:
    path = Path(options.config)
    says = strategy_of(path)
    if options.strategy not in (NEAT, says):
        raise InputError(f"strategy: got '{options.strategy}', {path} says '{says}'; allowed: that, or another file")
    return _load(path)


def _load_shipped(strategy: str, reader: Reader) -> AnyExperiment:
    known = [info.name for info in STRATEGIES.values() if info.kind is IN_STORE]
    if not isinstance(strategy, str) or strategy not in known:
        raise InputError(f"strategy: got {strategy!r}, allowed: {', '.join(known)}")
    name = TEXTS
    if isinstance(reader, ImageReader):
        name = SMALL if max(image_shape(reader)) <= SMALL_SIDE else LARGE
    with shipped_file(name) as path:
        if strategy == NEAT:
            return _load(path)
        text = f"{path.read_text(encoding='utf-8')}\n[Search]\nstrategy = {strategy}\n"
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / f"{strategy}.ini"  # the same space, searched by another strategy
        write_text(own, text)
        return _load(own)


def _load(path: Path) -> AnyExperiment:
    return load_experiment(path) if strategy_of(path) == NEAT else load_strategy_experiment(path)


def _fit_to_examples(experiment: AnyExperiment, reader: Reader, count: int, classes: int) -> AnyExperiment:
    """Steps enough for few examples, examples enough for many classes, and reductions that suit the images' size."""
    training, fitness, network = experiment.training, experiment.fitness, experiment.network
    subset = max(fitness.train_subset, OF_EACH_CLASS * classes) if fitness.train_subset else 0
    seen = min(count, subset or count)
    fitness = dataclasses.replace(fitness, train_subset=subset, batch_size=_batch(fitness.batch_size, seen))
    training = dataclasses.replace(training, batch_size=_batch(training.batch_size, count))
    if isinstance(reader, ImageReader):
        height, width = image_shape(reader)
        training = dataclasses.replace(training, augmentation=_augmentation(training.augmentation, min(height, width)))
        places = _reductions(network.reduce_after, network.cells, max(height, width))
        network = dataclasses.replace(network, reduce_after=places)
    return dataclasses.replace(experiment, training=training, fitness=fitness, network=network)


def _batch(size: int, examples: int) -> int:
    return min(size, max(LEAST_BATCH, examples // LEAST_STEPS))


def _augmentation(augmentation: Augmentation, side: int) -> Augmentation:
    """What is asked for, with shifts of an eighth of the side at most; nothing for images that have no room for it."""
    if side < 4:
        return Augmentation()
    return dataclasses.replace(augmentation, shift=min(augmentation.shift, side // 8))


def _reductions(asked: tuple[int, ...], cells: int, side: int) -> tuple[int, ...]:
    """Where to halve images of `side` pixels: more often where they are large, and never to a single pixel."""
    extra = [place for place in range(cells) if place not in asked]
    count = max(len(asked), math.ceil(math.log2(max(1.0, side / LAST_SIDE))))
    most = max(0, (side - 1).bit_length() - 1)
    return tuple(sorted([*asked, *extra][: min(count, most)]))


def _with_options(experiment: AnyExperiment, options: FitOptions, seed: int) -> AnyExperiment:
    """What the parameters say, over what the file says; raises `ConfigError`."""
    limits = _given(options, "minutes", "evaluations")
    run = {**limits, **_given(options, "device"), "seed": seed}
    if limits:
        run["generations"] = 0
    if options.out is not None:
        run["out"] = str(options.out)
    elif options.config is None:
        run["out"] = "runs/classifier"
    if options.workers is not None:
        run["workers"] = str(options.workers)
        if str(options.workers) == "0" and not experiment.run.threads:
            run["threads"] = 1  # the caller uses the other cores
    experiment = dataclasses.replace(
        experiment,
        data=dataclasses.replace(experiment.data, dataset=IN_MEMORY),
        run=dataclasses.replace(experiment.run, **run),
    )
    if options.epochs is not None:
        fitness, epochs = experiment.fitness, int(options.epochs)
        rungs = tuple(rung for rung in fitness.rungs if rung < epochs)
        experiment = dataclasses.replace(
            experiment,
            training=dataclasses.replace(experiment.training, epochs=epochs),
            fitness=dataclasses.replace(fitness, epochs=min(fitness.epochs, epochs), rungs=rungs),
        )
    return _with_population(experiment, options.population)


def _with_population(experiment: AnyExperiment, population: int | None) -> AnyExperiment:
    if population is None:
        return experiment
    population = int(population)
    if isinstance(experiment, StrategyExperiment):
        check_range("population", population, low=1, high=MOST_GENOMES)
        return dataclasses.replace(
            experiment, search=dataclasses.replace(experiment.search, generation_size=population)
        )
    assert isinstance(experiment, Experiment)
    reproduction = experiment.neat.reproduction_config
    low = max(2, reproduction.elitism, getattr(reproduction, "min_species_size", 1))
    check_range("population", population, low=low, high=MOST_GENOMES)
    experiment.neat.pop_size = population
    return experiment


def _given(options: FitOptions, *names: str) -> Mapping[str, Any]:
    values = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    return {name: int(value) if isinstance(value, Integral) else value for name, value in values.items()}
