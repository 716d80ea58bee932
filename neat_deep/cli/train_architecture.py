"""Train any architecture on any data set, and read the test set once.

What no option says comes from the run that the architecture is of, or else from a shipped INI file. The cell is kept;
the data set's sizes, and the skeleton's where options say so, are put around it: this is how an architecture is
transferred.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch

from neat_deep.base.devices import set_threads
from neat_deep.base.errors import ConfigError, in_section
from neat_deep.base.files import write_text
from neat_deep.base.run_folder import new_folder
from neat_deep.base.screen import screen
from neat_deep.base.shipped import shipped_file
from neat_deep.cli.options import Given, retrainings_of
from neat_deep.cli.overrides import check_kind, load_inputs, override, read_settings
from neat_deep.cli.plan_of_run import OWN_INI, is_of_a_run, read_plan_of_run
from neat_deep.cli.results import (
    data_figures,
    data_numbers,
    show_results,
    threads_figures,
    training_figures,
    training_numbers,
)
from neat_deep.cli.retraining import train_and_report
from neat_deep.cli.running import naming
from neat_deep.config.experiment_file import TrainingPlan, load_training_plan, training_plan_text
from neat_deep.data import DataSpec
from neat_deep.networks.network import build_network
from neat_deep.networks.suitability import check_skeleton
from neat_deep.reports.pictures.render import draw_cell, draw_network, try_picture
from neat_deep.space.architecture import Architecture
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.suitability import check_training_settings

DEFAULTS = {1: "sst2_neat.ini", 2: "mnist_neat.ini"}  # the shipped INI file for an architecture's rank


def train_architecture(source: Path, given: Given) -> None:
    """Load the JSON file `source`, train, report; raises `NeatDeepError` before anything is written."""
    retrainings = retrainings_of(given)
    architecture = Architecture.load(source)
    if "config" not in given and is_of_a_run(source) and (source.parent / OWN_INI).is_file():
        own = read_plan_of_run(source.parent, given)
        _train(source, architecture, own, source.parent / OWN_INI, source.parent, given, retrainings)
        return
    name = DEFAULTS[architecture.skeleton.rank]
    with shipped_file(name) as default:
        config = given.get("config", default)
        told = given.get("config", f"the shipped {name}")
        plan = read_settings(config, given, load_training_plan)
        _train(source, architecture, plan, config, told, given, retrainings)


def _train(
    source: Path,
    architecture: Architecture,
    plan: TrainingPlan,
    config: Path,
    told: object,
    given: Given,
    retrainings: int,
) -> None:
    """Train as a plan says; it is that of the INI file `config`, and the line that begins says what it is `told` as."""
    names = ("cells", "channels", "reduce_after", "ngrams", "char_ngrams", "ngram_buckets")
    skeleton = override(architecture.skeleton, _with_numbers(given), {name: name for name in names})
    architecture = dataclasses.replace(architecture, skeleton=skeleton)
    settings = override(plan.training, given, {"epochs": "epochs"})
    set_threads(plan.run.threads)
    check_kind(source, architecture, plan.data.dataset)
    device, dataset = load_inputs(config, given, plan)
    check_training(source, [architecture], config, settings, given, dataset.spec)
    name = name_of(source)
    with naming("--out"):
        folder = new_folder(given.get("out", Path("runs") / f"{name}_{dataset.spec.name}"))
    console = screen()
    console.print(
        f"training {name} on {dataset.spec.name}, {device}, with the settings of {told}; traces in {folder}",
        highlight=False,
        soft_wrap=True,
    )
    if dataset.note:
        console.print(dataset.note, highlight=False, soft_wrap=True)

    architecture.save(folder / "architecture.json")
    whole = dataclasses.replace(plan, data=plan.data.with_whole_paths(), training=settings)
    write_text(folder / OWN_INI, training_plan_text(whole))
    try_picture(draw_cell(architecture.cell), folder / "cell")
    try_picture(draw_network(architecture, dataset.spec.shape, dataset.spec.num_classes), folder / "network")
    trained = train_and_report(
        architecture,
        dataset,
        settings,
        device=device,
        seed=plan.run.seed,
        repeats=retrainings,
        folder=folder,
        console=console,
    )
    show_results(
        f"{name} on {dataset.spec.name}",
        {**data_figures(dataset), **training_figures(trained), **threads_figures(torch.get_num_threads(), device)},
        {**data_numbers(dataset), **training_numbers(trained), "training_threads": torch.get_num_threads()},
        folder,
        console,
    )


def check_training(
    source: Path,
    architectures: Sequence[Architecture],
    config: Path,
    settings: TrainingSettings,
    given: Given,
    data: DataSpec,
) -> None:
    """Raise `NeatDeepError`, naming the file, for architectures, settings or options that do not suit the data."""
    with naming(source):
        for architecture in architectures:
            check_skeleton(architecture.skeleton, data)
            build_network(architecture, data, seed=0)  # its ops are known and suit the data
    with naming(config), in_section("Training"):
        check_training_settings(settings, data)
    if "max_length" in given and data.rank != 1:
        raise ConfigError(f"--max-length: got {given['max_length']}, allowed for images: none; it cuts texts")


def name_of(source: Path) -> str:
    """What to call the architecture in the file `source`: as its run, or as the file."""
    return source.resolve().parent.name if is_of_a_run(source) else source.stem


def _with_numbers(given: Given) -> Given:
    """The options with the numbers of `--reduce-after`, which the command line has as a text."""
    if "reduce_after" not in given:
        return given
    text = given["reduce_after"]
    try:
        return {**given, "reduce_after": tuple(int(word) for word in text.split())}
    except ValueError:
        raise ConfigError(f"--reduce-after: got '{text}', allowed: whole numbers with spaces between") from None
