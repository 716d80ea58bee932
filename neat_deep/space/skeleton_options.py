"""Which skeletons a search may choose: their channels, their reductions, and the cells between these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError
from neat_deep.space.architecture import MOST_CELLS, MOST_CHANNELS, Skeleton
from neat_deep.space.points import Decision, make_decisions

CHANNELS, REDUCTIONS, CELLS = "channels", "reductions", "cells"  # decisions; each stage has its own of its cells
MOST_REDUCTIONS = 12  # from 4,096 pixels a side to one


@dataclass(frozen=True, kw_only=True)
class SkeletonOptions:
    """The choices that make a skeleton, under the names that INI keys have; without any of them nothing is chosen.

    Reductions cut a network into stages, one more than there are reductions. `channels_options` are the channels after
    the stem, `reductions_options` the numbers of reductions, `stage_cells_options` the numbers of cells of one stage: 0
    is for the first stage alone, before a reduction. All else is as the skeleton says that the choices are made for.
    """

    channels_options: tuple[int, ...] = ()
    reductions_options: tuple[int, ...] = ()
    stage_cells_options: tuple[int, ...] = ()

    def skeleton_options(self) -> SkeletonOptions:
        """These options alone, where the object is a section with more keys."""
        return SkeletonOptions(**{f.name: getattr(self, f.name) for f in fields(SkeletonOptions)})

    def check_skeleton_options(self) -> None:
        """Raise `ConfigError` for options that make no skeleton, whichever it is made for."""
        for key, low, high in (
            ("channels_options", 1, MOST_CHANNELS),
            ("reductions_options", 0, MOST_REDUCTIONS),
            ("stage_cells_options", 0, MOST_CELLS),
        ):
            numbers = getattr(self, key)
            for number in numbers:
                check_range(key, number, low=low, high=high)
            if len(set(numbers)) < len(numbers):
                raise ConfigError(f"{key}: got '{' '.join(map(str, numbers))}', allowed: each number once")
        if bool(self.reductions_options) != bool(self.stage_cells_options):
            given, missing = "reductions_options", "stage_cells_options"
            if self.stage_cells_options:
                given, missing = missing, given
            raise ConfigError(f"{missing}: got nothing, allowed with {given}: one number or more")
        if self.stage_cells_options:
            if not any(self.stage_cells_options):
                raise ConfigError("stage_cells_options: got 0 alone, allowed: at least one number above 0")
            most = max(self.stage_cells_options) * (max(self.reductions_options) + 1)
            if most > MOST_CELLS:
                raise ConfigError(
                    f"stage_cells_options: up to {max(self.stage_cells_options)} cells in each of "
                    f"{max(self.reductions_options) + 1} stages are {most}, allowed: at most {MOST_CELLS} together"
                )

    @property
    def are_given(self) -> bool:
        """Whether there is anything to choose."""
        return bool(self.channels_options or self.reductions_options)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The channels, the number of reductions, and then the cells of each stage that there is."""
        decisions: list[Decision] = []
        if self.channels_options:
            decisions.append(Decision(CHANNELS, tuple(map(str, self.channels_options))))
        if self.reductions_options:
            place, numbers = len(decisions), self.reductions_options
            decisions.append(Decision(REDUCTIONS, tuple(map(str, numbers))))
            options = tuple(map(str, self.stage_cells_options))
            nonzero = tuple(number for number in options if number != "0")
            if 0 in numbers:
                decisions.append(Decision(CELLS, nonzero, ((place, frozenset({numbers.index(0)})),)))
            for stage in range(max(numbers) + 1 if any(numbers) else 0):
                enough_reductions = frozenset(i for i, number in enumerate(numbers) if number >= max(1, stage))
                decisions.append(
                    Decision(_cells_of(stage), nonzero if stage else options, ((place, enough_reductions),))
                )
        return tuple(decisions)

    def decide(self, values: Sequence[int], base: Skeleton) -> Skeleton:
        """The skeleton `base`, changed as the decisions say; those that do not count change nothing."""
        decisions = self.decisions
        if len(values) != len(decisions) or min(values) < 0:
            raise ValueError(f"decisions: got {values}, allowed: {len(decisions)} of 0 or more")
        chosen: dict[str, int] = {}

        def choose(place: int, decision: Decision) -> int:
            chosen[decision.name] = int(decision.options[values[place]])
            return values[place]

        make_decisions(decisions, choose)
        skeleton = replace(base, channels=chosen.get(CHANNELS, base.channels))
        if REDUCTIONS in chosen:
            reductions = chosen[REDUCTIONS]
            stages = [chosen[_cells_of(stage)] for stage in range(reductions + 1)] if reductions else [chosen[CELLS]]
            *places, cells = accumulate(stages)
            skeleton = replace(skeleton, cells=cells, reduce_after=tuple(places), gated_cells=())
        return skeleton

    def values(self, skeleton: Skeleton) -> tuple[int, ...]:
        """The decisions that make a skeleton, 0 for each that does not count.

        Raises `ValueError`, which names everything outside the options, for a skeleton that they cannot make.
        """
        stages = skeleton.stages
        numbers = {CHANNELS: skeleton.channels, REDUCTIONS: len(stages) - 1, CELLS: stages[0]}
        numbers |= {_cells_of(stage): cells for stage, cells in enumerate(stages)}
        outside: list[str] = []

        def choose(_: int, decision: Decision) -> int:
            text = str(numbers[decision.name])
            if text in decision.options:
                return decision.options.index(text)
            outside.append(f"{decision.name}: got {text}, allowed: {', '.join(decision.options)}")
            return -1  # none that another decision needs

        values = make_decisions(self.decisions, choose)
        if skeleton.gated_cells:
            outside.append(f"gated_cells: got {skeleton.gated_cells}, allowed: none")
        if outside:
            raise ValueError("; ".join(outside))
        return values


def all_values(decisions: Sequence[Decision], keep: dict[int, int] | None = None) -> Iterator[tuple[int, ...]]:
    """All combinations of values for the decisions; a decision whose place is in `keep` has the value given there."""
    kept = keep or {}

    def extend(values: list[int], counted: list[bool]) -> Iterator[tuple[int, ...]]:
        place = len(values)
        if place == len(decisions):
            yield tuple(values)
            return
        counts = decisions[place].counts(counted, values)
        options: Sequence[int] = [0]
        if counts:
            options = [kept[place]] if place in kept else range(len(decisions[place].options))
        for value in options:
            yield from extend([*values, value], [*counted, counts])

    return extend([], [])


def _cells_of(stage: int) -> str:
    return f"cells of stage {stage + 1}"
