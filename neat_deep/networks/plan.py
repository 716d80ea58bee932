"""Which parts of a network are read on the way to its output: the others are not built."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from neat_deep.space.architecture import Skeleton


@dataclass(frozen=True)
class Plan:
    """The parts of a network that its output depends on.

    `cells` are the numbers (from 0) of the cells to build. `reductions` maps a number of cells to the states that are
    reduced after them, by their places among those that a cell is given: 0 is the oldest. Before the head there is one
    state only.
    """

    cells: tuple[int, ...]
    reductions: Mapping[int, tuple[int, ...]]

    def names(self) -> set[str]:
        """What the parts are called in a `Network`'s state_dict."""
        branches = {
            f"reductions.{after}.branches.{place}" for after, places in self.reductions.items() for place in places
        }
        return {f"cells.{number}" for number in self.cells} | branches


def plan_network(skeleton: Skeleton, num_inputs: int, used_inputs: Collection[int]) -> Plan:
    """Walk back from the head over cells of `num_inputs` inputs, of which each reads `used_inputs`."""
    newest = num_inputs - 1
    cells, reductions = [], {}
    read = {0}  # the places whose states are read further on; the head has one
    for index in reversed(range(skeleton.cells + 1)):
        if index < skeleton.cells:
            is_read = newest in read
            read = {place + 1 for place in read if place < newest}  # a cell's output moves the states before it on
            if is_read:
                cells.append(index)
                read |= set(used_inputs)
                if index in skeleton.gated_cells:
                    read.add(newest)  # by the path around the cell
        if index in skeleton.reduce_after:
            reductions[index] = tuple(sorted(read))
        if index == skeleton.cells:
            read = {newest}
    return Plan(tuple(reversed(cells)), reductions)
