"""Cells with motifs, and spaces of them, that tests draw."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from neat_deep.space.cell_graph import CellGraph, CellNode, Edge, Motif
from neat_deep.space.hierarchical_space import HierarchicalSpace
from neat_deep.space.motif_options import MotifOptions
from tests.support.random_cells import ACTIVATIONS, AGGREGATIONS, OPS, graphs
from tests.support.spaces import spaces


@st.composite
def nodes(draw: st.DrawFn, num_inputs: int, ops: tuple[str, ...], most: int) -> tuple[CellNode, ...]:
    """Nodes that may be unused, pass-through, or twins."""
    made = []
    for index in range(draw(st.integers(1, most))):
        edge = st.builds(
            Edge, st.integers(0, num_inputs + index - 1), st.sampled_from(ops), st.sampled_from(ACTIVATIONS)
        )
        edges = draw(st.lists(edge, min_size=1, max_size=2))
        made.append(CellNode(tuple(edges), draw(st.sampled_from(AGGREGATIONS)), key=index))
    return tuple(made)


@st.composite
def cells_with_motifs(draw: st.DrawFn, max_nodes: int = 3) -> CellGraph:
    """A cell and up to three motifs; each may hold those before it, and some may be unused."""
    names: tuple[str, ...] = ()
    motifs = []
    for number in range(draw(st.integers(1, 3))):
        motifs.append(Motif(f"motif_{number + 1}", draw(nodes(1, (*OPS[:3], *names), 2))))
        names = (*names, motifs[-1].name)
    cell = draw(graphs(max_nodes=1, outputs=("last",)))
    own = draw(nodes(cell.num_inputs, (*OPS[:3], *names, *names), max_nodes))
    return replace(cell, nodes=own, motifs=tuple(motifs))


@st.composite
def hierarchical_spaces(draw: st.DrawFn) -> HierarchicalSpace:
    """A space of small cells and small motifs, of one level or of two."""
    options = MotifOptions(
        motifs=draw(st.integers(1, 2)), motif_nodes=draw(st.integers(1, 2)), motif_levels=draw(st.integers(1, 2))
    )
    return HierarchicalSpace(draw(spaces(max_nodes=2)), options)
