"""Cells with motifs as points: each step is one of the space, and each way to write a point is read back."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neat_deep.base.errors import ConfigError
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph
from neat_deep.space.hierarchical_space import HierarchicalSpace
from neat_deep.space.motif_options import MotifOptions
from neat_deep.space.network_space import NetworkSpace
from neat_deep.space.search_space import SearchSpace
from neat_deep.space.skeleton_options import SkeletonOptions
from neat_deep.space.skeleton_space import SkeletonSpace
from tests.support.motif_cells import hierarchical_spaces
from tests.support.spaces import assert_in_space

SEEDS = st.integers(0, 2**32)
OPS = ("identity", "sep_conv_3", "max_pool_3", "none")


def assert_of(space: HierarchicalSpace, cell: CellGraph) -> None:
    """Every part is one of its space, and the cell can be built and kept."""
    for part, graph in zip(space.parts.values(), space.split(cell), strict=True):
        assert_in_space(part, graph)  # type: ignore[arg-type]
    assert Architecture.from_json(Architecture(cell).to_json()).cell == cell
    assert cell.flat().digest() == cell.digest() == space.key(cell)


@given(hierarchical_spaces(), SEEDS)
@settings(max_examples=12, deadline=None)
def test_every_sequence_of_mutations_stays_in_the_space(space: HierarchicalSpace, seed: int) -> None:
    random = Random(seed)
    cell = space.sample(random)
    for _ in range(6):
        assert_of(space, cell)
        assert space.decide(space.values(cell)) == cell
        again = space.from_json(json.loads(json.dumps(space.to_json(cell))))
        assert again == cell
        keys = [[node.key for node in part.nodes] for part in space.split(cell)]
        assert [[node.key for node in part.nodes] for part in space.split(again)] == keys
        child = space.mutate(cell, random)
        assert space.key(child) != space.key(cell) or not space.neighbours(cell)
        cell = child


@given(hierarchical_spaces(), SEEDS)
@settings(max_examples=5, deadline=None)
def test_neighbours_are_other_networks_once_each(space: HierarchicalSpace, seed: int) -> None:
    cell = space.sample(Random(seed))
    neighbours = space.neighbours(cell)
    keys = [space.key(other) for other in neighbours]
    assert len(set(keys)) == len(keys) and space.key(cell) not in keys
    vectors = {space.encode(other) for other in (cell, *neighbours)}
    assert len(vectors) == len(neighbours) + 1 and len({len(vector) for vector in vectors}) == 1


def test_steps_reach_cells_and_motifs_of_every_level() -> None:
    space = HierarchicalSpace(SearchSpace(OPS, nodes=3), MotifOptions(motifs=2, motif_nodes=2, motif_levels=2))
    assert list(space.parts) == ["motif_1", "motif_2", "motif_3", "motif_4", ""]
    random = Random(1)
    cell, changed, used, nested = space.sample(random), set(), set(), False
    for _ in range(150):
        child = space.mutate(cell, random)
        pairs = zip(space.parts, space.split(cell), space.split(child), strict=True)
        changed |= {name for name, before, after in pairs if before != after}
        cell = child
        used |= {motif.name for motif in cell.prune().motifs}
        held = {edge.op for motif in cell.motifs[2:] for node in motif.nodes for edge in node.edges}
        nested = nested or bool(held & {"motif_1", "motif_2"})
    assert changed == set(space.parts) and used == {*space.options.names} and nested


def test_the_decisions_name_their_motif() -> None:
    space = HierarchicalSpace(SearchSpace(OPS, nodes=1), MotifOptions(motifs=1, motif_nodes=1, motif_levels=2))
    names = [decision.name for decision in space.decisions]
    assert len(set(names)) == len(names) == 3 * 8
    assert names[0] == "motif_1 nodes" and names[8] == "motif_2 nodes" and names[16] == "nodes"
    options = {decision.name: decision.options for decision in space.decisions}
    assert "motif_1" not in options["motif_1 node 0 op 1"]
    assert "motif_1" in options["motif_2 node 0 op 1"] and "motif_2" not in options["motif_2 node 0 op 1"]
    assert {"motif_1", "motif_2"} <= set(options["node 0 op 1"])


def test_a_small_space_is_listed_in_full() -> None:
    space = HierarchicalSpace(
        SearchSpace(("sep_conv_3", "max_pool_3"), ("identity",), nodes=1), MotifOptions(motifs=1, motif_nodes=1)
    )
    listed = [cell.digest() for cell in space.enumerate()]
    ranges = [range(len(decision.options)) for decision in space.decisions]
    assert set(listed) == {space.decide(values).digest() for values in itertools.product(*ranges)}
    assert len(set(listed)) == len(listed) == space.count(1000) >= space.at_least()
    assert space.count(len(listed) - 1) == len(listed)
    many = replace(space, cells=replace(space.cells, activations=("identity", "relu"), nodes=8))
    assert many.count(10**6) == 10**6 + 1  # at once
    few = SearchSpace(("identity", "sep_conv_3", "none"), ("identity",), nodes=1)
    assert HierarchicalSpace(few, MotifOptions(motifs=2, motif_nodes=3)).count(10_000) == 10_001  # at once too
    for options in (MotifOptions(motifs=2, motif_nodes=1), MotifOptions(motifs=1, motif_nodes=2, motif_levels=1)):
        small = HierarchicalSpace(few, options)
        assert sum(1 for _ in small.enumerate()) >= small.at_least()


def test_motifs_and_skeletons_are_searched_together() -> None:
    cells = HierarchicalSpace(SearchSpace(OPS, nodes=2), MotifOptions(motifs=1, motif_nodes=2))
    space = NetworkSpace(cells, SkeletonSpace(SkeletonOptions(channels_options=(4, 8)), Skeleton()))
    random = Random(0)
    point = space.sample(random)
    for _ in range(20):
        point = space.mutate(point, random)
        assert space.decide(space.values(point)) == point
        assert_of(cells, point.cell)


@pytest.mark.parametrize(
    ("cells", "options", "message"),
    [
        ({}, {"motifs": 17}, "motifs: got 17, allowed: 0 to 16"),
        ({}, {"motifs": -1}, "motifs: got -1, allowed: 0 to 16"),
        ({}, {"motifs": 1, "motif_nodes": 0}, "motif_nodes: got 0, allowed: 1 to 32"),
        ({}, {"motifs": 1, "motif_levels": 4}, "motif_levels: got 4, allowed: 1 to 3"),
        ({"ops": ("motif_2",)}, {"motifs": 2}, "op_options: got 'motif_2', which is the name of a motif; allowed"),
        (
            {"nodes": 5},
            {"motifs": 1, "motif_nodes": 4, "motif_levels": 2},
            r"motif_nodes: 4 in each of 2 level\(s\) make cells of up to 365 nodes .*, allowed: up to 192; set fewer",
        ),
    ],
)
def test_options_that_make_no_cell_are_refused(cells: dict[str, Any], options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        HierarchicalSpace(SearchSpace(**{"ops": OPS, "nodes": 2, **cells}), MotifOptions(**options))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("data", [None, [], [1, 2], [[[0] * 8, [0]], [[0] * 8, ["a", "b"]]]])
def test_what_is_no_cell_of_the_space_is_refused(data: object) -> None:
    space = HierarchicalSpace(SearchSpace(OPS, nodes=1), MotifOptions(motifs=1, motif_nodes=1))
    with pytest.raises((LookupError, TypeError, ValueError)):
        space.from_json(data)
    with pytest.raises(ValueError, match="motifs: got , allowed: motif_1"):
        space.split(SearchSpace(OPS).sample(Random(0)))
