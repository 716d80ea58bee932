"""Ways to train one architecture, each alone against the INI file's own, at equal seconds of one core.

    python benchmarks/recipes.py configs/architectures/resnet_block.json --config configs/cifar10_neat.ini
        --data-root data --channels 16 --seconds 240 --processes 2 --keep recipes.json --json

Each recipe changes a few settings of the file's; one that changes nothing there is left out. A training has as many
epochs as a measurement before it says, the last of them cut short after `--seconds`, with the learning rate's schedule
shaped for that. Its process has one thread, and its clocks count the seconds of its processor, so that what else runs
on the machine changes little. All train on the training part and are scored on the validation part, in the last column
once more with the mean of each image and its mirror image. The test set is not read. With `--keep FILE` a comparison
that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from data_options import add_data_options, add_trainings_options, at_least, given
from in_processes import in_processes
from kept_outcomes import KeptOutcomes
from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError
from neat_deep.cli.experiment import read_neat_experiment
from neat_deep.cli.overrides import load_inputs
from neat_deep.cli.running import naming, run_script
from neat_deep.data import Dataset, DataSpec, load_dataset
from neat_deep.data.settings import DataSettings
from neat_deep.networks.cost import count_parameters
from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture
from neat_deep.training.fit import evaluate, fit
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.suitability import check_training_settings
from neat_deep.training.timing import seconds_per_example
from processor_seconds import count_processor_seconds

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "cifar10_neat.ini"
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Recipe:
    """What is changed: settings of `[Training]`, its augmentation, and the size of the network."""

    training: Mapping[str, Any] = field(default_factory=dict)
    augmentation: Mapping[str, Any] = field(default_factory=dict)
    channels: float = 1.0  # so many times as many
    more_cells: int = 0  # at the end, at the smallest size of the images

    def apply(self, settings: TrainingSettings, architecture: Architecture) -> tuple[TrainingSettings, Architecture]:
        """The settings and the architecture with the changes."""
        augmentation = replace(settings.augmentation, **self.augmentation)
        skeleton = architecture.skeleton
        skeleton = replace(
            skeleton, channels=round(self.channels * skeleton.channels), cells=skeleton.cells + self.more_cells
        )
        return (
            replace(settings, augmentation=augmentation, **self.training),
            replace(architecture, skeleton=skeleton),
        )


def recipes(settings: TrainingSettings, side: int) -> dict[str, Recipe]:
    """The recipes for images with `side` pixels, by name; the first one is the file's own."""
    sizes = [round(share * side) for share in (0.5, 0.625, 0.75, 0.8125)]
    half, five_eighths, three_quarters, more = sizes

    def growing(*first: int) -> Recipe:
        return Recipe({"progressive_sizes": (*first, side)})

    rate, batch = settings.learning_rate, settings.batch_size
    return {
        "as the file says": Recipe(),
        "their own size throughout": Recipe({"progressive_sizes": ()}),
        f"sizes {half} {three_quarters} {side}": growing(half, three_quarters),
        f"sizes {half} {three_quarters} {side} {side}": growing(half, three_quarters, side),
        f"sizes {five_eighths} {more} {side}": growing(five_eighths, more),
        "Nesterov, rate 0.1": Recipe({"optimizer": "nesterov", "learning_rate": 0.1, "weight_decay": 5e-4}),
        "Nesterov, rate 0.4": Recipe({"optimizer": "nesterov", "learning_rate": 0.4, "weight_decay": 5e-4}),
        "half the rate": Recipe({"learning_rate": rate / 2}),
        "twice the rate": Recipe({"learning_rate": rate * 2}),
        "twice the batch, twice the rate": Recipe({"batch_size": batch * 2, "learning_rate": rate * 2}),
        "half the batch": Recipe({"batch_size": max(2, batch // 2)}),
        "EMA 0.999": Recipe({"ema": 0.999}),
        "no label smoothing": Recipe({"label_smoothing": 0.0}),
        "no erasing": Recipe(augmentation={"erase": 0}),
        "mixup 0.2": Recipe({"mixup": 0.2}),
        "CutMix 1, no erasing": Recipe({"cutmix": 1.0}, {"erase": 0}),
        "1.5 times the channels": Recipe(channels=1.5),
        "two cells more": Recipe(more_cells=2),
    }


@dataclass(frozen=True)
class Training:
    """One training to do."""

    recipe: str
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What a training came to; accuracies (0..1) on validation, `mirrored` that with mirror images."""

    recipe: str
    seed: int
    accuracy: float
    loss: float
    mirrored: float
    epochs: float
    parameters: int
    seconds: float


class Trainer:
    """Does trainings; it can be sent to other processes, each of which reads the data once."""

    def __init__(
        self, data: DataSettings, settings: TrainingSettings, architecture: Architecture, seconds: float
    ) -> None:
        self._data = data
        self._settings = settings
        self._architecture = architecture
        self._seconds = seconds

    @cached_property
    def _dataset(self) -> Dataset:
        count_processor_seconds()  # here, since it is of the process
        return load_dataset(self._data)

    def __call__(self, training: Training) -> Outcome:
        """Train one network from scratch and score it."""
        dataset = self._dataset
        recipe = recipes(self._settings, _side(dataset.spec))[training.recipe]
        settings, architecture = recipe.apply(self._settings, self._architecture)
        example = seconds_per_example(architecture, dataset.spec, dataset.train, settings, CPU).training
        # One more than fit into the seconds: it is cut short, and the schedule ends with it.
        epochs = max(1, math.ceil(self._seconds / (example * len(dataset.train))))
        network = build_network(architecture, dataset.spec, seed=training.seed)
        report = fit(
            network,
            dataset.train,
            replace(settings, epochs=epochs, early_stopping=0),
            device=CPU,
            seed=training.seed,
            seconds=self._seconds,
        )
        scored = evaluate(network, dataset.validation, device=CPU)
        return Outcome(
            training.recipe,
            training.seed,
            scored.accuracy,
            scored.loss,
            evaluate(Mirrored(network), dataset.validation, device=CPU).accuracy,
            report.samples / len(dataset.train),
            count_parameters(network),
            report.seconds,
        )


class Mirrored(nn.Module):
    """A network's mean probabilities, as logits, of images and their mirror images."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to logits (B, classes)."""
        both = [self.network(view).softmax(1) for view in (images, images.flip(3))]
        return ((both[0] + both[1]) / 2).log()


def main(arguments: Sequence[str] | None) -> None:
    """Train whatever is not kept, print the table and, if asked, a line of JSON."""
    options = _parse(arguments)
    check_range("--seconds", options.seconds, above=0)
    experiment = read_neat_experiment(options.config, given(options))
    _, dataset = load_inputs(options.config, given(options), experiment)
    if dataset.spec.rank != 2:
        raise ConfigError(f"{dataset.spec.name}: holds texts; allowed: images")
    skeleton = replace(experiment.network, channels=options.channels or experiment.network.channels)
    architecture = replace(Architecture.load(options.architecture), skeleton=replace(skeleton, rank=2))
    known = recipes(experiment.training, _side(dataset.spec))
    names = _that_change_something(options.recipes, known, experiment.training, architecture, dataset.spec)
    facts = {
        "recipes": repr([known[name] for name in names]),
        "torch": torch.__version__,
        "config": options.config.read_text(encoding="utf-8"),
        "data": dataset.spec.name,
        "architecture": architecture.digest(),
        "channels": architecture.skeleton.channels,
        "seconds": options.seconds,
    }
    kept = KeptOutcomes(options.keep, Outcome, facts)
    first = experiment.run.seed
    trainings = [Training(name, seed) for seed in range(first, first + options.seeds) for name in names]
    missing = [one for one in trainings if not kept.has(recipe=one.recipe, seed=one.seed)]
    console = Console()
    trainer = Trainer(experiment.data, experiment.training, architecture, options.seconds)
    for outcome in in_processes(missing, trainer, options.processes):
        kept.add(outcome)
        console.print(f"{outcome.recipe}, seed {outcome.seed}: {100 * outcome.accuracy:.2f}%", highlight=False)
    console.print(_table(kept.outcomes))
    if options.json:
        versions = {"threads": 1, "torch": torch.__version__, "python": platform.python_version()}
        print(json.dumps({"seconds": options.seconds, **versions, "rows": kept.rows()}))


def _that_change_something(
    asked: Sequence[str] | None,
    known: Mapping[str, Recipe],
    settings: TrainingSettings,
    architecture: Architecture,
    data: DataSpec,
) -> list[str]:
    """The recipes that are asked for, or all but those that are what the file says anyway; each can be trained."""
    own, names = next(iter(known)), []
    for name in dict.fromkeys(asked or known):
        if name not in known:
            raise ConfigError(f"--recipes: got '{name}', allowed: {', '.join(map(repr, known))}")
        with naming(f"recipe '{name}'"):
            changed_settings, changed = known[name].apply(settings, architecture)
            check_training_settings(changed_settings, data)
            with torch.device("meta"):
                build_network(changed, data, seed=0)
        if name == own or (changed_settings, changed) != (settings, architecture):
            names.append(name)
        elif asked:
            raise ConfigError(f"--recipes: got '{name}', which is what the file says; allowed: others")
    return names


def _side(data: DataSpec) -> int:
    return min(data.shape[1:])


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table()
    for heading in ("recipe", "epochs", "parameters", "seconds", "validation accuracy", "mean", "loss", "mirrored too"):
        table.add_column(heading, justify="left" if heading == "recipe" else "right")
    for name in dict.fromkeys(one.recipe for one in outcomes):
        rows = [one for one in outcomes if one.recipe == name]
        table.add_row(
            name,
            f"{statistics.fmean(row.epochs for row in rows):.1f}",
            f"{rows[0].parameters:,}",
            f"{statistics.fmean(row.seconds for row in rows):.0f}",
            ", ".join(f"{100 * row.accuracy:.2f}" for row in rows),
            f"{100 * statistics.fmean(row.accuracy for row in rows):.2f}%",
            f"{statistics.fmean(row.loss for row in rows):.4f}",
            f"{100 * statistics.fmean(row.mirrored for row in rows):.2f}%",
        )
    return table


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("architecture", type=Path, help="a JSON file")
    parser.add_argument("--config", type=Path, default=CONFIG, help="INI file (default: %(default)s)")
    parser.add_argument("--channels", type=at_least("--channels", 1), help="over [Network] channels")
    parser.add_argument(
        "--seconds", type=float, default=240, help="of one core, of each training (default: %(default)s)"
    )
    parser.add_argument("--recipes", nargs="+", metavar="NAME", help="only these")
    add_trainings_options(parser, seeds=1)
    add_data_options(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_script(main)
