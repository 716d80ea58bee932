"""Cells with motifs as a space: the motifs are searched together with the cell (Liu et al., arXiv 1711.00436)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from neat_deep.space.cell_graph import CellGraph
from neat_deep.space.motif_options import MotifOptions
from neat_deep.space.motifs import Motif, used_motifs
from neat_deep.space.points import Space
from neat_deep.space.product_space import ProductSpace
from neat_deep.space.search_space import SearchSpace

CELL = ""  # the part whose decisions need no name before theirs


@dataclass(frozen=True)
class HierarchicalSpace(ProductSpace[CellGraph]):
    """Cells of what `cells` says and of the motifs of `options`. The key of a cell is its digest.

    A point has every motif, those too that its cell does not use: a later step may use them. Raises `ConfigError` on
    creation for options that no such cell can have.
    """

    cells: SearchSpace
    options: MotifOptions

    def __post_init__(self) -> None:
        self.options.check_motif_options(self.cells.nodes, self.cells.ops)

    @cached_property
    def parts(self) -> Mapping[str, Space[Any]]:
        """The motifs, those of the lowest level first, and then the cell."""
        with_motifs = replace(self.cells, ops=(*self.cells.ops, *self.options.names))
        return {**self.options.motif_spaces(self.cells), CELL: with_motifs}

    def split(self, point: CellGraph) -> Sequence[CellGraph]:
        """The motifs, each as a cell of its own, and the cell without them; raises `ValueError` for other motifs."""
        graphs = {motif.name: CellGraph(1, motif.nodes) for motif in point.motifs}
        if tuple(graphs) != self.options.names:
            raise ValueError(f"motifs: got {', '.join(graphs)}, allowed: {', '.join(self.options.names)}")
        return [*graphs.values(), replace(point, motifs=())]

    def join(self, parts: Sequence[CellGraph]) -> CellGraph:
        """The cell of these parts."""
        *motifs, cell = parts
        pairs = zip(self.options.names, motifs, strict=True)
        return replace(cell, motifs=tuple(Motif(name, graph.nodes) for name, graph in pairs))

    def count(self, most: int) -> int:
        """How many networks the space holds; `most` + 1 for more than `most`."""
        return most + 1 if self.at_least() > most else super().count(most)

    def at_least(self) -> int:
        """A number of networks that the space holds for certain: see `SearchSpace.at_least`.

        They are the cells without motifs, or those of one node that reads two motifs (or one twice), which are such.
        """
        graphs = self.options.motif_spaces(self.cells)[self.options.names[0]].at_least()
        pairs = graphs if len(self.options.names) == 1 else graphs * (graphs + 1) // 2
        return max(self.cells.at_least(), pairs)

    def key(self, point: CellGraph) -> str:
        """The cell's digest, which is that of the cell with its motifs in place."""
        return _digest(point)

    def simplest(self, motif: str) -> CellGraph:
        """The first of a motif's graphs: what stands for one that is not given."""
        graph: CellGraph = next(self.parts[motif].enumerate())
        return graph

    def encode(self, point: CellGraph) -> tuple[float, ...]:
        """The numbers of all parts, but zeros for motifs that are not used; then how often each op is there in all."""
        used = {motif.name for motif in used_motifs(point.prune().nodes, point.motifs)}
        numbers: list[float] = []
        for (name, space), part in zip(self.parts.items(), self.split(point), strict=True):
            encoded = space.encode(part)
            numbers += encoded if name == CELL or name in used else [0.0] * len(encoded)
        ops = [edge.op for node in point.canonical().nodes for edge in node.edges]
        return (*numbers, *(float(ops.count(op)) for op in self.cells.edge_ops))


@lru_cache(maxsize=4096)
def _digest(cell: CellGraph) -> str:
    """A step looks at many cells, some of them again and again."""
    return cell.digest()
