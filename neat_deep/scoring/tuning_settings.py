"""What `[Tuning]` of an INI file sets: which settings of a training are tried, and how long each try lasts."""

from __future__ import annotations

from dataclasses import dataclass

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError
from neat_deep.scoring.rungs import Ladder
from neat_deep.space.architecture import MOST_CHANNELS

SECTION = "Tuning"
FACTORS = (1 / 3, 1.0, 3.0)  # of the value in [Training], where no values are named


@dataclass(frozen=True)
class TuningSettings:
    """Which learning rates, weight decays and channels networks are tried with.

    `trials` combinations of network and settings begin, the networks as they are among them, and each is trained from
    scratch for as many steps as the final training has. With `rungs` all are trained for so many epochs first, and
    `share` of them go on to the next, but no fewer than two (successive halving; Jamieson and Talwalkar, arXiv
    1502.07943). That is cheaper, and favours high learning rates: they are ahead in short trainings. Without values the
    learning rates and weight decays are a third of those in [Training], these, and three times these; without channels
    a network keeps its own. A network with more than `max_parameters` or `max_macs` (0: no limit) is not tried.

    Raises `ConfigError` on creation.
    """

    trials: int = 9
    learning_rates: tuple[float, ...] = ()
    weight_decays: tuple[float, ...] = ()
    channels: tuple[int, ...] = ()
    rungs: tuple[int, ...] = ()
    share: float = 0.34
    max_parameters: int = 0
    max_macs: int = 0

    def __post_init__(self) -> None:
        check_range("trials", self.trials, low=2, high=10_000)
        for rate in self.learning_rates:
            check_range("learning_rates", rate, above=0, high=100)
        for decay in self.weight_decays:
            check_range("weight_decays", decay, low=0)
        for count in self.channels:
            check_range("channels", count, low=1, high=MOST_CHANNELS)
        for name in ("learning_rates", "weight_decays", "channels"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ConfigError(f"{name}: got {' '.join(map(str, values))}, allowed: each value once")
        check_range("share", self.share, above=0, high=1)
        check_range("max_parameters", self.max_parameters, low=0)
        check_range("max_macs", self.max_macs, low=0)

    def ladder(self, epochs: int) -> Ladder:
        """The epochs that a trial is trained for on each rung, up to `epochs`; raises `ConfigError`."""
        return Ladder((*self.rungs, epochs), self.share)
