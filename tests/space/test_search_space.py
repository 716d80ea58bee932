"""The search space of cells: every sample is a valid cell of it, and equal seeds draw equal cells."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neat_deep.base.errors import ConfigError
from neat_deep.space.cell_graph import NONE
from neat_deep.space.search_space import SearchSpace
from tests.support.random_cells import ACTIVATIONS, AGGREGATIONS, OPS
from tests.support.spaces import assert_in_space, spaces

SEEDS = st.integers(0, 2**32)


@given(spaces(), SEEDS)
@settings(max_examples=200, deadline=None)
def test_every_sample_is_a_connected_cell_of_the_space(space: SearchSpace, seed: int) -> None:
    cell = space.sample(Random(seed))
    assert_in_space(space, cell)


@given(spaces(), SEEDS)
@settings(max_examples=50, deadline=None)
def test_equal_seeds_draw_equal_cells(space: SearchSpace, seed: int) -> None:
    first, second = Random(seed), Random(seed)
    assert [space.sample(first) for _ in range(3)] == [space.sample(second) for _ in range(3)]


def test_samples_reach_all_of_a_space() -> None:
    space = SearchSpace(OPS, ACTIVATIONS, AGGREGATIONS, nodes=4, num_inputs=2)
    random = Random(0)
    cells = [space.sample(random) for _ in range(300)]
    nodes = [node for cell in cells for node in cell.nodes]
    edges = [edge for node in nodes for edge in node.edges]
    assert {len(cell.nodes) for cell in cells} == {1, 2, 3, 4}
    assert {edge.op for edge in edges} == set(OPS)
    assert {edge.activation for edge in edges} == set(ACTIVATIONS)
    assert {node.aggregation for node in nodes} == set(AGGREGATIONS)
    assert {edge.source for edge in edges} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ops": ()}, "ops: got nothing, allowed: one name or more"),
        ({"activations": ()}, "activations: got nothing, allowed: one name or more"),
        ({"aggregations": ()}, "aggregations: got nothing, allowed: one name or more"),
        ({"ops": ("identity", "identity")}, "ops: got 'identity identity', allowed: each name once"),
        ({"ops": (NONE,)}, "ops: got only 'none', allowed: at least one other op"),
        ({"nodes": 0}, "nodes: got 0, allowed: 1 to 32"),
        ({"nodes": 33}, "nodes: got 33, allowed: 1 to 32"),
        ({"num_inputs": 0}, "num_inputs: got 0, allowed: 1 to 2"),
        ({"num_inputs": 3}, "num_inputs: got 3, allowed: 1 to 2"),
    ],
)
def test_a_space_without_a_cell_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(SearchSpace(OPS), **changes)
