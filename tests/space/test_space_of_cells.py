"""The cells of a search space as points: steps, lists, counts, encodings and decisions."""

from __future__ import annotations

import itertools
import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neat_deep.space.cell_graph import NONE, CellGraph, CellNode, Edge
from neat_deep.space.points import counting
from neat_deep.space.search_space import SearchSpace
from tests.support.random_cells import ACTIVATIONS, AGGREGATIONS, OPS
from tests.support.spaces import assert_in_space, spaces

SEEDS = st.integers(0, 2**32)


@given(spaces(max_nodes=5), SEEDS)
@settings(max_examples=60, deadline=None)
def test_every_mutation_is_another_cell_of_the_space(space: SearchSpace, seed: int) -> None:
    random = Random(seed)
    cell = space.sample(random)
    for _ in range(10):
        child = space.mutate(cell, random)
        assert_in_space(space, child)
        assert child.digest() != cell.digest() or not space.neighbours(cell)
        cell = child


@given(spaces(max_nodes=4), SEEDS)
@settings(max_examples=25, deadline=None)
def test_neighbours_are_different_cells_of_the_space_and_hold_every_mutation(space: SearchSpace, seed: int) -> None:
    random = Random(seed)
    cell = space.sample(random)
    neighbours = space.neighbours(cell)
    digests = [neighbour.digest() for neighbour in neighbours]
    assert len(set(digests)) == len(digests)
    assert cell.digest() not in digests
    for neighbour in neighbours:
        assert_in_space(space, neighbour)
    assert space.neighbours(cell) == neighbours
    if neighbours:
        assert {space.mutate(cell, random).digest() for _ in range(20)} <= set(digests)


@given(spaces(max_nodes=4), SEEDS)
@settings(max_examples=25, deadline=None)
def test_what_a_step_leaves_alone_keeps_its_key_and_what_it_adds_has_a_new_one(space: SearchSpace, seed: int) -> None:
    cell = space.sample(Random(seed))
    keys = {node.key for node in cell.nodes}
    for neighbour in space.neighbours(cell):
        own = [node.key for node in neighbour.nodes]
        assert len(set(own)) == len(own)
        assert len(set(own) - keys) <= 1


def brute_force(space: SearchSpace) -> set[str]:
    """The digests of all cells that decisions make."""
    ranges = [range(len(decision.options)) for decision in space.decisions]
    return {space.decide(values).digest() for values in itertools.product(*ranges)}


SMALL = [
    SearchSpace(("identity", "sep_conv_3"), ("identity",), nodes=1),
    SearchSpace(("identity", "sep_conv_3", NONE), ("identity",), ("add", "mul"), nodes=1, num_inputs=2),
    SearchSpace(("sep_conv_3", "max_pool_3"), ("identity", "relu"), nodes=1, num_inputs=2),
    SearchSpace(("sep_conv_3", NONE), ("identity",), ("mul", "add"), nodes=2),
    SearchSpace(("identity", NONE), ("relu",), nodes=2, num_inputs=2),
]


@pytest.mark.parametrize("space", SMALL)
def test_a_small_space_is_listed_and_counted_in_full(space: SearchSpace) -> None:
    listed = list(space.enumerate())
    digests = [cell.digest() for cell in listed]
    assert len(set(digests)) == len(digests)
    assert set(digests) == brute_force(space)
    assert space.count(10_000) == len(digests) >= space.at_least()
    assert space.count(len(digests)) == len(digests)
    assert space.count(len(digests) - 1) == len(digests)  # more than that
    assert list(space.enumerate()) == listed
    for cell in listed:
        assert_in_space(space, cell)


def test_counts_of_known_spaces() -> None:
    """Two inputs from one state by two ops: both alike, or one of each; or one of them alone."""
    assert SearchSpace(("identity", "sep_conv_3"), ("identity",), nodes=1).count(100) == 3
    assert SearchSpace(("identity", "sep_conv_3", NONE), ("identity",), nodes=1).count(100) == 5


def test_a_large_space_is_counted_no_further_than_asked() -> None:
    assert SearchSpace(OPS, ACTIVATIONS, AGGREGATIONS, nodes=8).count(50) == 51
    assert SearchSpace(OPS, ACTIVATIONS, AGGREGATIONS, nodes=8).count(10**9) == 10**9 + 1  # at once, or never


@given(spaces(max_nodes=5), SEEDS)
@settings(max_examples=60, deadline=None)
def test_decisions_make_the_cell_again(space: SearchSpace, seed: int) -> None:
    cell = space.sample(Random(seed))
    values = space.values(cell)
    assert len(values) == len(space.decisions)
    assert all(0 <= value < len(decision.options) for value, decision in zip(values, space.decisions, strict=True))
    assert space.decide(values) == cell
    counted = counting(space.decisions, values)
    assert all(value == 0 for place, value in enumerate(values) if place not in counted)


@given(spaces(max_nodes=5), SEEDS)
@settings(max_examples=60, deadline=None)
def test_all_decisions_make_a_cell_and_those_that_do_not_count_change_nothing(space: SearchSpace, seed: int) -> None:
    random = Random(seed)
    values = [random.randrange(len(decision.options)) for decision in space.decisions]
    cell = space.decide(values)
    assert_in_space(space, cell)
    counted = counting(space.decisions, values)
    plain = [value if place in counted else 0 for place, value in enumerate(values)]
    assert space.decide(plain).digest() == cell.digest()


@given(spaces(max_nodes=5), SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_cell_and_its_keys_come_back_from_json(space: SearchSpace, seed: int) -> None:
    random = Random(seed)
    cell = space.mutate(space.sample(random), random)
    again = space.from_json(json.loads(json.dumps(space.to_json(cell))))
    assert again == cell
    assert [node.key for node in again.nodes] == [node.key for node in cell.nodes]


@pytest.mark.parametrize("data", [None, 7, {}, [], [[1, 2], [0]], [[9] * 43, [0]], [["a"] * 8, [0]], [[-1] * 8, [0]]])
def test_what_is_no_cell_of_the_space_is_refused(data: object) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        SMALL[0].from_json(data)


@pytest.mark.parametrize("space", SMALL)
def test_different_networks_have_different_vectors_of_one_length(space: SearchSpace) -> None:
    vectors = [space.encode(cell) for cell in space.enumerate()]
    assert len(set(vectors)) == len(vectors)
    assert len({len(vector) for vector in vectors}) == 1


@given(spaces(max_nodes=5), SEEDS)
@settings(max_examples=40, deadline=None)
def test_vectors_are_equal_where_digests_are(space: SearchSpace, seed: int) -> None:
    random = Random(seed)
    cells = [space.sample(random)]
    for _ in range(5):
        cells.append(space.mutate(cells[-1], random))
    for first, second in itertools.combinations(cells, 2):
        assert (space.encode(first) == space.encode(second)) == (first.digest() == second.digest())
    twin = cells[-1].canonical()
    assert space.encode(twin) == space.encode(cells[-1])


def test_a_node_is_added_within_an_edge_and_taken_away_again() -> None:
    space = SearchSpace(("sep_conv_3", "max_pool_3", NONE), ("identity",), nodes=2)
    cell = CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),), key=0),))
    within = CellGraph(1, (CellNode((Edge(0, "max_pool_3"),), key=1), CellNode((Edge(1, "sep_conv_3"),), key=0)))
    after = CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),), key=0), CellNode((Edge(1, "max_pool_3"),), key=1)))
    found = space.neighbours(cell)
    assert within in found and after in found
    assert cell in space.neighbours(within) and cell in space.neighbours(after)
