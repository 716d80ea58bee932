"""What `[Fitness]` and `[Run]` of an INI file set."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from neat_deep.base.checks import check_choice, check_range
from neat_deep.base.errors import ConfigError
from neat_deep.data import Augmentation
from neat_deep.evolution.selection import REPRODUCTIONS
from neat_deep.scoring.executors import RAY
from neat_deep.scoring.rungs import Ladder
from neat_deep.space.architecture import MOST_CHANNELS, Skeleton
from neat_deep.training.fit import TrainingSettings


@dataclass(frozen=True)
class FitnessSettings:
    """What one genome's score costs: how it is trained and scored during the search.

    What is not named here is taken from `[Training]`, except early stopping, which a short training does without; `ema`
    is off unless it is named here. 0 for a subset means all examples, 0 channels those of `[Network]`.

    `rungs` are the epochs, below `epochs`, after which the networks of a generation are compared and only `rung_share`
    of them trained further, the others' training saved; with `hyperband` some networks skip the first rungs. With
    `inherit` a child starts from its parents' trained weights. `weights_megabytes` bounds the weights that are kept
    for either; a network that takes more than its equal share is trained from scratch instead.

    The fitness is the accuracy (0..1) less the prices of a million parameters, of a million multiply-accumulates and
    of a measured millisecond for one example, all of the network that is scored in the search.
    """

    train_subset: int = 0
    validation_subset: int = 0
    epochs: int = 1
    batch_size: int = 128
    learning_rate: float = 0.003
    augment: bool = False
    channels: int = 0
    ema: float = 0.0
    rungs: tuple[int, ...] = ()
    rung_share: float = 0.5
    hyperband: bool = False
    inherit: bool = False
    weights_megabytes: int = 512
    parameter_price: float = 0.0
    mac_price: float = 0.0
    latency_price: float = 0.0

    def __post_init__(self) -> None:
        check_range("train_subset", self.train_subset, low=0)
        check_range("validation_subset", self.validation_subset, low=0)
        check_range("epochs", self.epochs, low=1)
        check_range("batch_size", self.batch_size, low=2)
        check_range("learning_rate", self.learning_rate, above=0, high=100)
        check_range("channels", self.channels, low=0, high=MOST_CHANNELS)
        check_range("ema", self.ema, low=0, high=0.9999)
        check_range("weights_megabytes", self.weights_megabytes, low=1)
        check_range("parameter_price", self.parameter_price, low=0)
        check_range("mac_price", self.mac_price, low=0)
        check_range("latency_price", self.latency_price, low=0)
        self.ladder()

    def objective(self, accuracy: float, parameters: int, macs: int, latency: float | None = None) -> float:
        """What a network is worth: its accuracy, less the prices of its size, and of its `latency` in milliseconds."""
        size = self.parameter_price * parameters / 1e6 + self.mac_price * macs / 1e6
        return accuracy - size - self.latency_price * (latency or 0.0)

    def ladder(self) -> Ladder:
        """The rungs that a genome's training climbs; without `rungs` there is one."""
        return Ladder((*self.rungs, self.epochs), self.rung_share, self.hyperband)

    def training(self, full: TrainingSettings) -> TrainingSettings:
        """The settings that a genome is trained with, made from those of the final training."""
        augmentation = full.augmentation if self.augment else Augmentation()
        return dataclasses.replace(
            full,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            augmentation=augmentation,
            ema=self.ema,
            early_stopping=0,
        )

    def skeleton(self, full: Skeleton) -> Skeleton:
        """The skeleton that a genome is scored in."""
        return dataclasses.replace(full, channels=self.channels or full.channels)


@dataclass(frozen=True)
class RunSettings:
    """One run: how long, from which seed, where."""

    generations: int = 10
    seed: int = 0
    device: str = "auto"
    threads: int = 0  # of torch on the CPU, in each worker; 0: as many as torch chooses. Another rounds differently
    workers: str = "0"  # processes that evaluate: 0 (this one), a number, or ray
    ray_address: str = "local"  # local, or the address of a Ray cluster
    ray_gpus: float = 0.0  # the share of a GPU that one evaluation takes on Ray
    reproduction: str = "CellReproduction"  # how parents are chosen; its settings stand in the section of that name
    out: str = "runs/neat"

    def __post_init__(self) -> None:
        check_range("generations", self.generations, low=1)
        check_range("seed", self.seed, low=0, high=2**62)
        check_range("threads", self.threads, low=0, high=1024)
        check_range("ray_gpus", self.ray_gpus, low=0)
        check_choice("reproduction", self.reproduction, REPRODUCTIONS)
        if self.workers != RAY and not (self.workers.isdecimal() and int(self.workers) <= 1024):
            raise ConfigError(f"workers: got '{self.workers}', allowed: 0 to 1024, or ray")
