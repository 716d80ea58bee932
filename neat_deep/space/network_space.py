"""Whole networks as a space: a cell, and the skeleton that it is stacked in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph
from neat_deep.space.points import Space
from neat_deep.space.product_space import ProductSpace
from neat_deep.space.skeleton_space import SkeletonSpace


@dataclass(frozen=True)
class NetworkSpace(ProductSpace[Architecture]):
    """The architectures of a cell of `cells` in a skeleton of `skeletons`; the key of one is its digest."""

    cells: Space[CellGraph]
    skeletons: SkeletonSpace

    @cached_property
    def parts(self) -> Mapping[str, Space[Any]]:
        """The cells and the skeletons."""
        return {"": self.cells, "skeleton": self.skeletons}

    def split(self, point: Architecture) -> Sequence[Any]:
        """The cell and the skeleton."""
        return point.cell, point.skeleton

    def join(self, parts: Sequence[Any]) -> Architecture:
        """The architecture of a cell and a skeleton."""
        return Architecture(*parts)

    def count(self, most: int) -> int:
        """How many networks the space holds: each cell in each skeleton; `most` + 1 for more than `most`."""
        cells = self.cells.count(most)
        return min(most + 1, cells * self.skeletons.count(most // max(1, cells)))

    def key(self, point: Architecture) -> str:
        """The digest of the whole network."""
        return point.digest()
