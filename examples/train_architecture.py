"""Train any architecture on any data set, and read the test set once.

    python examples/train_architecture.py configs/architectures/resnet_block.json --dataset mnist
    python examples/train_architecture.py runs/mnist_neat/best.json --config configs/cifar10_neat.ini --cells 6
    python examples/train_architecture.py runs/sst2_neat/best.json --dataset imdb --max-length 800

The architecture may come from either searcher or from a hand-written file. Its cell is kept; the data set's sizes,
and the skeleton's where options say so, are put around it: this is how an architecture is transferred.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from neat_deep.base.devices import set_threads
from neat_deep.base.errors import ConfigError, in_section
from neat_deep.base.run_folder import new_folder
from neat_deep.cli.command_line import (
    add_common_options,
    add_retrainings_option,
    data_figures,
    data_numbers,
    load_inputs,
    naming,
    override,
    read_settings,
    run_script,
    show_results,
    train_and_report,
    training_figures,
    training_numbers,
)
from neat_deep.config.experiment_file import load_training_plan
from neat_deep.networks.network import build_network
from neat_deep.networks.suitability import check_augmentation, check_reductions
from neat_deep.reports.pictures.render import draw_cell, draw_network, try_picture
from neat_deep.space.architecture import Architecture

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
DEFAULTS = {1: CONFIGS / "sst2_neat.ini", 2: CONFIGS / "mnist_neat.ini"}  # by the architecture's rank


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("architecture", type=Path, help="JSON file of an architecture")
    parser.add_argument(
        "--config",
        type=Path,
        help="INI file for [Data], [Training] and [Run] (default: configs/mnist_neat.ini, for an architecture for texts"
        " configs/sst2_neat.ini)",
    )
    parser.add_argument("--cells", type=int, help="cells to stack instead of the architecture's")
    parser.add_argument("--channels", type=int, help="channels after the stem instead of the architecture's")
    parser.add_argument("--reduce-after", type=int, nargs="*", help="after how many cells to halve the extent")
    parser.add_argument("--max-length", type=int, help="tokens at which texts are cut; over [Data] text_max_length")
    parser.add_argument("--epochs", type=int, help="over [Training] epochs")
    add_retrainings_option(parser)
    add_common_options(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Load, train, report."""
    options = parse(arguments)
    architecture = Architecture.load(options.architecture)
    options.config = options.config or DEFAULTS[architecture.skeleton.rank]
    plan = read_settings(options, load_training_plan)
    names = ("cells", "channels", "reduce_after")
    skeleton = override(architecture.skeleton, options, {name: name for name in names})
    architecture = dataclasses.replace(architecture, skeleton=skeleton)
    settings = override(plan.training, options, {"epochs": "epochs"})
    set_threads(plan.run.threads)
    device, dataset = load_inputs(options, plan)
    with naming(options.architecture):
        check_reductions(architecture.skeleton, dataset.spec)
        build_network(architecture, dataset.spec, seed=0)  # its ops are known and suit the data
    with naming(options.config), in_section("Training"):
        check_augmentation(settings.augmentation, dataset.spec)
    if options.max_length is not None and dataset.spec.rank != 1:
        raise ConfigError(f"--max-length: got {options.max_length}, allowed for images: none; it cuts texts")
    name = options.architecture.stem
    wanted = Path("runs") / f"{name}_{dataset.spec.name}" if options.out is None else options.out
    with naming("--out"):
        folder = new_folder(wanted)
    console = Console()
    console.print(
        f"training {name} on {dataset.spec.name}, {device}; traces in {folder}", highlight=False, soft_wrap=True
    )
    if dataset.note:
        console.print(dataset.note, highlight=False, soft_wrap=True)

    architecture.save(folder / "architecture.json")
    try_picture(draw_cell(architecture.cell), folder / "cell")
    try_picture(draw_network(architecture, dataset.spec.shape, dataset.spec.num_classes), folder / "network")
    trained = train_and_report(
        architecture,
        dataset,
        settings,
        device=device,
        seed=plan.run.seed,
        repeats=options.retrainings,
        folder=folder,
        console=console,
    )
    show_results(
        f"{name} on {dataset.spec.name}",
        {**data_figures(dataset), **training_figures(trained)},
        {**data_numbers(dataset), **training_numbers(trained)},
        folder,
        console,
    )


if __name__ == "__main__":
    run_script(main)
