"""Which motifs a search may make, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError
from neat_deep.space.cell_options import MOST_NODES
from neat_deep.space.motifs import MOST_NODES_IN_PLACE
from neat_deep.space.search_space import SearchSpace

MOST_MOTIFS = 16
MOST_LEVELS = 3


@dataclass(frozen=True, kw_only=True)
class MotifOptions:
    """The motifs of a cell, under the names that INI keys have; with 0 `motifs` there are none.

    Each of `motif_levels` levels has so many `motifs`, of 1 to `motif_nodes` nodes each. Motifs are made of the cell's
    ops, activations and aggregations, and of the motifs of the levels below; the cell may use them all.
    """

    motifs: int = 0
    motif_nodes: int = 3
    motif_levels: int = 1

    def motif_options(self) -> MotifOptions:
        """These options alone, where the object is a section with more keys."""
        return MotifOptions(**{f.name: getattr(self, f.name) for f in fields(MotifOptions)})

    def check_motif_options(self, nodes: int, ops: Sequence[str]) -> None:
        """Raise `ConfigError` for what no cell of so many `nodes`, made of `ops`, could have."""
        check_range("motifs", self.motifs, low=0, high=MOST_MOTIFS)
        check_range("motif_nodes", self.motif_nodes, low=1, high=MOST_NODES)
        check_range("motif_levels", self.motif_levels, low=1, high=MOST_LEVELS)
        if not self.motifs:
            return
        taken = next((name for name in self.names if name in ops), None)
        if taken is not None:
            raise ConfigError(f"op_options: got '{taken}', which is the name of a motif; allowed: another name")
        below = 0  # the nodes of the largest motif of the level below
        for _ in range(self.motif_levels):
            below = self.motif_nodes * (1 + 2 * below)
        most = nodes * (1 + 2 * below)
        if most > MOST_NODES_IN_PLACE:
            raise ConfigError(
                f"motif_nodes: {self.motif_nodes} in each of {self.motif_levels} level(s) make cells of up to {most} "
                f"nodes with their motifs in place, allowed: up to {MOST_NODES_IN_PLACE}; set fewer of them, fewer "
                "motif_levels, or a smaller cell"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the motifs, those of the lowest level first."""
        return tuple(f"motif_{number}" for number in range(1, 1 + self.motifs * self.motif_levels))

    def motif_spaces(self, cells: SearchSpace) -> dict[str, SearchSpace]:
        """The space of each motif by name, for cells that are made of what `cells` says."""
        spaces = {}
        for number, name in enumerate(self.names):
            lower = self.names[: number - number % self.motifs]
            spaces[name] = SearchSpace(
                (*cells.ops, *lower), cells.activations, cells.aggregations, self.motif_nodes, num_inputs=1
            )
        return spaces
