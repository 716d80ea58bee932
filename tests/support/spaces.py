"""Search spaces that tests draw, and what makes a cell one of a space."""

from __future__ import annotations

from hypothesis import strategies as st

from neat_deep.space.cell_graph import NONE, CellGraph
from neat_deep.space.search_space import SearchSpace
from tests.support.random_cells import ACTIVATIONS, AGGREGATIONS, OPS


@st.composite
def spaces(draw: st.DrawFn, max_nodes: int = 8) -> SearchSpace:
    """A space of some ops, `none` among them or not."""
    ops = draw(st.lists(st.sampled_from(OPS), min_size=1, unique=True))
    return SearchSpace(
        ops=(*ops, NONE) if draw(st.booleans()) else tuple(ops),
        activations=tuple(draw(st.lists(st.sampled_from(ACTIVATIONS), min_size=1, unique=True))),
        aggregations=tuple(draw(st.lists(st.sampled_from(AGGREGATIONS), min_size=1, unique=True))),
        nodes=draw(st.integers(1, max_nodes)),
        num_inputs=draw(st.integers(1, 2)),
    )


def assert_in_space(space: SearchSpace, cell: CellGraph) -> None:
    """Every choice of the cell is one of the space, and its output uses every node."""
    assert cell.num_inputs == space.num_inputs
    assert 1 <= len(cell.nodes) <= space.nodes
    assert cell.prune() == cell
    for node in cell.nodes:
        assert len(node.edges) in ((1, 2) if NONE in space.ops else (2,))
        assert node.aggregation in space.aggregations
        for edge in node.edges:
            assert edge.op in space.ops
            assert edge.op != NONE
            assert edge.activation in space.activations
