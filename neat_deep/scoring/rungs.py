"""Early stopping of weak candidates: who goes on to the next rung, and how those that stop compare.

Successive halving (Jamieson and Talwalkar, arXiv 1502.07943) within one generation, and the brackets of Hyperband
(Li et al., arXiv 1603.06560). Every decision is made in the order of the genomes, so that any number of workers
gives the same run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError


@dataclass(frozen=True)
class Ladder:
    """The rungs of a generation: the epochs that a network has been trained for when it is compared on each.

    `share` of the networks on a rung go on to the next, at least one. With `hyperband` some start on a higher rung,
    in case short trainings rank badly. Raises `ConfigError` for rungs that do not rise up to the last, and for
    `hyperband` with nothing to skip.
    """

    epochs: tuple[int, ...]
    share: float = 0.5
    hyperband: bool = False

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in zip(self.epochs, self.epochs[1:], strict=False))
        if not self.epochs or self.epochs[0] < 1 or not rising:
            *rungs, last = self.epochs or (0,)
            raise ConfigError(
                f"rungs: got {' '.join(map(str, rungs))}, allowed: rising, from 1 to below epochs ({last})"
            )
        check_range("rung_share", self.share, above=0, high=1)
        if self.hyperband and not self.top:
            raise ConfigError("hyperband: got True without rungs, allowed: rungs for some networks to skip, or False")

    @property
    def top(self) -> int:
        """The number of the highest rung, from 0."""
        return len(self.epochs) - 1

    def stage(self, rung: int) -> int:
        """The epochs from the rung below, or from nothing, to `rung`."""
        return self.epochs[rung] - (self.epochs[rung - 1] if rung else 0)

    def starts(self, count: int) -> list[int]:
        """The rung on which each of `count` networks, in order, is compared first: 0, but for Hyperband's brackets.

        A bracket that skips j of R rungs gets a share of R / (R - j) * share^j (Li et al., algorithm 1, line 2).
        """
        if not self.hyperband:
            return [0] * count
        rungs = len(self.epochs)
        parts = [rungs / (rungs - j) * self.share**j for j in range(rungs)]
        chosen: list[int] = []
        filled = [0] * rungs
        for position in range(1, count + 1):
            # the bracket that lacks most of its part: brackets alternate, so no kind of genome fills one of them
            lacks = [part / sum(parts) * position - filled[j] for j, part in enumerate(parts)]
            chosen.append(max(range(rungs), key=lambda j: lacks[j]))
            filled[chosen[-1]] += 1
        return chosen

    def promoted(self, objectives: Sequence[float | None]) -> list[int]:
        """The positions of those that go on; ties go to the earlier, and what failed (None) never goes on."""
        places = max(1, math.floor(len(objectives) * self.share + 1e-9))
        valid = [(-objective, i) for i, objective in enumerate(objectives) if objective is not None]
        return sorted(i for _, i in sorted(valid)[:places])


def comparable_fitness(
    objectives: Mapping[str, float], rungs: Mapping[str, int], starts: Mapping[str, int]
) -> dict[str, float]:
    """The fitness of each network from its objective on its last rung.

    Within a bracket (networks of one `starts`) a network that was stopped is never fitter than one that went on: its
    objective is cut to the least fitness on the rungs above. Across brackets objectives stand as they are: a network
    that was stopped counts for what it had reached, against others that were given more epochs from the start.
    """
    fitness: dict[str, float] = {}
    for bracket in set(starts.values()):
        members = [key for key in objectives if starts[key] == bracket]
        ceiling = math.inf
        for rung in sorted({rungs[key] for key in members}, reverse=True):
            stopped_here = [key for key in members if rungs[key] == rung]
            fitness.update({key: min(objectives[key], ceiling) for key in stopped_here})
            ceiling = min(fitness[key] for key in stopped_here)
    return fitness
