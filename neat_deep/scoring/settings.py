"""What `[Fitness]` of an INI file sets."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError, unknown_name
from neat_deep.data import Augmentation
from neat_deep.scoring.metrics import METRICS
from neat_deep.scoring.objectives import OBJECTIVES, Objective
from neat_deep.scoring.rungs import Ladder
from neat_deep.space.architecture import MOST_CHANNELS, Architecture, Skeleton
from neat_deep.training.settings import TrainingSettings


@dataclass(frozen=True)
class FitnessSettings:
    """What one genome's score costs: how it is trained and scored during the search.

    Settings left out here come from `[Training]`, except early stopping and sizes that grow, which a short training
    does without, and augmentation and mixing, which `augment` switches on; `ema` is off unless it is named here. 0 for
    a subset means all examples, 0 channels those of `[Network]`. Smaller images rank networks at less cost (Zhou et
    al., arXiv 2001.01233).

    `rungs` are the epochs, below `epochs`, after which the networks of a generation are compared and only `rung_share`
    of them trained further, the others' training saved; with `hyperband` some networks skip the first rungs. With
    `inherit` a child starts from its parents' trained weights. `weights_megabytes` bounds the weights that are kept
    for either; a network that takes more than its equal share is trained from scratch instead.

    What a network is worth is its `objective`, the accuracy (0..1) unless another is named, less the prices of a
    million parameters, of a million multiply-accumulates and of a measured millisecond for one example, all of the
    network that is scored in the search.

    With `finalists` the winner is not the network with the best score, which of many noisy ones is the luckiest: so
    many of the best are trained again at the end, as `[Training]` says, `finalist_seeds` times each from other weights
    for `finalist_epochs` (0: as many as the final training), and the best by the mean of those is the winner.
    """

    train_subset: int = 0
    validation_subset: int = 0
    image_size: int = 0  # shorter side of the images that networks are trained and scored on; 0: as they are
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
    objective: str = "accuracy"
    metrics: tuple[str, ...] = ()  # measured beside the usual ones
    max_parameters: int = 0  # of the network that is scored; a larger one is not trained. 0: no limit
    max_macs: int = 0
    max_seconds: float = 0.0  # of one evaluation; a slower one fails. 0: no limit
    finalists: int = 0
    finalist_epochs: int = 0
    finalist_seeds: int = 1

    def __post_init__(self) -> None:
        check_range("train_subset", self.train_subset, low=0)
        check_range("validation_subset", self.validation_subset, low=0)
        check_range("image_size", self.image_size, low=0)
        check_range("epochs", self.epochs, low=1)
        check_range("batch_size", self.batch_size, low=2)
        check_range("learning_rate", self.learning_rate, above=0, high=100)
        check_range("channels", self.channels, low=0, high=MOST_CHANNELS)
        check_range("ema", self.ema, low=0, high=0.9999)
        check_range("weights_megabytes", self.weights_megabytes, low=1)
        check_range("parameter_price", self.parameter_price, low=0)
        check_range("mac_price", self.mac_price, low=0)
        check_range("latency_price", self.latency_price, low=0)
        check_range("max_parameters", self.max_parameters, low=0)
        check_range("max_macs", self.max_macs, low=0)
        check_range("max_seconds", self.max_seconds, low=0)
        check_range("finalists", self.finalists, low=0)
        if self.finalists == 1:
            raise ConfigError("finalists: got 1, allowed: 0 (the best of the search wins), or 2 or more")
        check_range("finalist_epochs", self.finalist_epochs, low=0)
        check_range("finalist_seeds", self.finalist_seeds, low=1)
        if self.objective not in OBJECTIVES:
            raise unknown_name("objective", self.objective, OBJECTIVES, "objective")
        for name in self.measured_metrics():
            if name not in METRICS:
                raise unknown_name("metric", name, METRICS, "metrics")
        self.ladder()

    def worth(self) -> Objective:
        """What a network is worth: the objective, less the prices of its size and latency."""
        return Objective(self.objective, self.parameter_price, self.mac_price, self.latency_price)

    def measured_metrics(self) -> tuple[str, ...]:
        """The metrics that are measured beside those that always are."""
        return tuple(dict.fromkeys((*self.metrics, *self.worth().metrics)))

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
            mixup=full.mixup if self.augment else 0.0,
            cutmix=full.cutmix if self.augment else 0.0,
            progressive_sizes=(),  # too short for several, and rungs would begin with the small ones each time
        )

    def finalist_training(self, full: TrainingSettings) -> TrainingSettings:
        """The settings that a finalist is trained with: the final training's, on fewer epochs if that is asked."""
        return dataclasses.replace(full, epochs=self.finalist_epochs or full.epochs, early_stopping=0)

    def skeleton(self, full: Skeleton) -> Skeleton:
        """The skeleton that a candidate is scored in."""
        return dataclasses.replace(full, channels=self.channels or full.channels)

    def architecture(self, full: Architecture) -> Architecture:
        """The architecture that is scored in the place of `full`."""
        return dataclasses.replace(full, skeleton=self.skeleton(full.skeleton))
