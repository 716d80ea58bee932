"""Early stopping of weak candidates: who is promoted to the next rung, and how those that stop compare.

Successive halving (Jamieson and Talwalkar, arXiv 1502.07943) within one generation, and the brackets of Hyperband
(Li et al., arXiv 1603.06560). Every decision is made in the order of the candidates, so that any number of workers
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

    `share` of the networks on a rung are promoted to the next, at least one. With `hyperband` some start on a higher
    rung, in case short trainings rank badly. Raises `ConfigError` for rungs that do not rise up to the last, and for
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
        """The positions of those that are promoted; ties go to the earlier, and what failed (None) never is."""
        valid = [(-objective, i) for i, objective in enumerate(objectives) if objective is not None]
        return sorted(i for _, i in sorted(valid)[: self.places(len(objectives))])

    def places(self, count: int) -> int:
        """How many of `count` networks on a rung are promoted, at least one."""
        return max(1, math.floor(count * self.share + 1e-9))


@dataclass(frozen=True)
class Standing:
    """Where one network of a generation ended: its objective on the highest rung that it is known on.

    `bracket` is the rung on which it was compared first, None for one that was not compared: its outcome was known.
    `rung` is where it stopped. `earned` says whether this generation trained it to that rung; if not, it had been
    trained so far in an earlier one.
    """

    objective: float
    bracket: int | None
    rung: int
    earned: bool


def comparable_fitness(standings: Mapping[str, Standing], top: int) -> dict[str, float]:
    """The fitness of each network of a generation, by what it is known to reach.

    A network keeps its objective, with two exceptions. Within a bracket one that was stopped is never fitter than one
    that was promoted over it: its objective is cut to the least fitness of those that this generation trained further.
    And one that was stopped stands below the best network of the generation that was trained to the `top`, or short
    trainings that flatter could push the best network known out of the population. Otherwise
    the objectives of different brackets are compared as they are.
    """
    fitness: dict[str, float] = {}
    finished = [one.objective for one in standings.values() if one.rung == top]
    highest = math.nextafter(max(finished), -math.inf) if finished else math.inf
    for bracket in {one.bracket for one in standings.values()}:
        members = {key: one for key, one in standings.items() if one.bracket == bracket}
        ceiling = math.inf
        for rung in sorted({one.rung for one in members.values()}, reverse=True):
            on_rung = {key: one for key, one in members.items() if one.rung == rung}
            limit = ceiling if rung == top else min(ceiling, highest)
            fitness.update({key: min(one.objective, limit) for key, one in on_rung.items()})
            ceiling = min([ceiling, *(fitness[key] for key, one in on_rung.items() if one.earned)])
    return fitness
