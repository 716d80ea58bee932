"""Skeletons, and whole networks, as points: every step is one of the space, and every way to write one is read back."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neat_deep.base.errors import ConfigError
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.network_space import NetworkSpace
from neat_deep.space.search_space import SearchSpace
from neat_deep.space.skeleton_options import SkeletonOptions
from neat_deep.space.skeleton_space import SkeletonSpace
from tests.support.network_spaces import BASE, network_spaces, skeleton_spaces
from tests.support.spaces import assert_in_space

SEEDS = st.integers(0, 2**32)


def assert_of_options(space: SkeletonSpace, skeleton: Skeleton) -> None:
    """Every choice is one of the options, and all else is as in the base."""
    options = space.options
    ends = [0, *skeleton.reduce_after, skeleton.cells]
    stages = [end - begin for begin, end in itertools.pairwise(ends)]
    if options.channels_options:
        assert skeleton.channels in options.channels_options
    if options.reductions_options:
        assert len(skeleton.reduce_after) in options.reductions_options
        assert set(stages) <= set(options.stage_cells_options)
        assert all(stages[1:]) and skeleton.cells >= 1
    changed = {"channels": BASE.channels} if options.channels_options else {}
    layout = {"cells": BASE.cells, "reduce_after": BASE.reduce_after} if options.reductions_options else {}
    assert replace(skeleton, **changed, **layout) == BASE


@given(skeleton_spaces(), SEEDS)
@settings(max_examples=30, deadline=None)
def test_every_sequence_of_mutations_stays_in_the_space(space: SkeletonSpace, seed: int) -> None:
    random = Random(seed)
    skeleton = space.sample(random)
    for _ in range(8):
        assert_of_options(space, skeleton)
        neighbours = space.neighbours(skeleton)
        assert len(set(neighbours)) == len(neighbours) and skeleton not in neighbours
        child = space.mutate(skeleton, random)
        assert child in neighbours or not neighbours
        skeleton = child


@given(skeleton_spaces())
@settings(max_examples=20, deadline=None)
def test_skeletons_are_listed_in_full(space: SkeletonSpace) -> None:
    listed = list(itertools.islice(space.enumerate(), 3000))
    assert len(set(listed)) == len(listed) == space.count(2999)
    for skeleton in listed[:: max(1, len(listed) // 50)]:
        assert_of_options(space, skeleton)
        assert space.decide(space.values(skeleton)) == skeleton
        assert space.from_json(json.loads(json.dumps(space.to_json(skeleton)))) == skeleton
    assert len({space.encode(skeleton) for skeleton in listed}) == len(listed)


@given(skeleton_spaces(), SEEDS)
@settings(max_examples=20, deadline=None)
def test_all_decisions_make_a_skeleton_whatever_does_not_count(space: SkeletonSpace, seed: int) -> None:
    random = Random(seed)
    values = [random.randrange(len(decision.options)) for decision in space.decisions]
    skeleton = space.decide(values)
    assert_of_options(space, skeleton)
    assert space.decide(space.values(skeleton)) == skeleton


def test_the_shipped_skeleton_is_two_stages_behind_an_early_reduction() -> None:
    options = SkeletonOptions(
        channels_options=(16, 24), reductions_options=(0, 1, 2), stage_cells_options=(0, 1, 2, 3, 4)
    )
    shipped = Skeleton(channels=24, cells=4, reduce_after=(0, 2))
    named = dict(zip([d.name for d in options.decisions], options.values(shipped), strict=True))
    assert named == {
        "channels": 1,
        "reductions": 2,
        "cells": 0,
        "cells of stage 1": 0,
        "cells of stage 2": 1,  # of 1, 2, 3 and 4: no cell is for the first stage alone
        "cells of stage 3": 1,
    }
    assert options.decide(options.values(shipped), BASE) == replace(BASE, channels=24, cells=4, reduce_after=(0, 2))


@given(network_spaces(), SEEDS)
@settings(max_examples=20, deadline=None)
def test_networks_are_points_like_cells(space: NetworkSpace, seed: int) -> None:
    random = Random(seed)
    point = space.sample(random)
    for _ in range(5):
        assert_in_space(space.cells, point.cell)  # type: ignore[arg-type]
        assert_of_options(space.skeletons, point.skeleton)
        assert Architecture.from_json(point.to_json()) == point
        assert space.decide(space.values(point)) == point
        again = space.from_json(json.loads(json.dumps(space.to_json(point))))
        assert again == point and [n.key for n in again.cell.nodes] == [n.key for n in point.cell.nodes]
        child = space.mutate(point, random)
        assert space.key(child) != space.key(point) or not space.neighbours(point)
        assert child.digest() == space.key(child)
        point = child


@given(network_spaces(max_nodes=2), SEEDS)
@settings(max_examples=8, deadline=None)
def test_neighbours_are_other_networks_and_vectors_are_equal_where_digests_are(space: NetworkSpace, seed: int) -> None:
    point = space.sample(Random(seed))
    neighbours = space.neighbours(point)
    keys = [space.key(other) for other in neighbours]
    assert len(set(keys)) == len(keys) and space.key(point) not in keys
    vectors = [space.encode(other) for other in [point, *neighbours]]
    assert len(set(vectors)) == len(vectors) and len({len(vector) for vector in vectors}) == 1
    twin = replace(point, cell=point.cell.canonical())
    assert space.encode(twin) == vectors[0] and twin.digest() == point.digest()


def test_a_small_space_holds_each_cell_in_each_skeleton() -> None:
    cells = SearchSpace(("identity", "sep_conv_3", "none"), ("identity",), nodes=1)
    skeletons = SkeletonSpace(SkeletonOptions(channels_options=(4, 8, 12)), BASE)
    space = NetworkSpace(cells, skeletons)
    listed = list(space.enumerate())
    assert len(listed) == len({a.digest() for a in listed}) == 5 * 3 == space.count(100)
    assert space.count(3) == 4
    assert space.count(14) == space.count(15) == 15
    many = NetworkSpace(SearchSpace(("identity", "sep_conv_3", "max_pool_3"), nodes=8), skeletons)
    assert many.count(10**6) == 10**6 + 1  # at once
    assert [decision.name for decision in space.decisions][-1] == "skeleton channels"


@pytest.mark.parametrize("data", [None, 7, {}, [], [[9], [0]], [[[0] * 8, [0]], [7, 7]], [[[0] * 8, [0]], ["x"]]])
def test_what_is_no_network_of_the_space_is_refused(data: object) -> None:
    space = NetworkSpace(
        SearchSpace(("identity",), nodes=1), SkeletonSpace(SkeletonOptions(channels_options=(4,)), BASE)
    )
    with pytest.raises((LookupError, TypeError, ValueError)):
        space.from_json(data)


@pytest.mark.parametrize(
    ("skeleton", "message"),
    [
        ({"channels": 5}, "channels: got 5, allowed: 4, 8"),
        ({"reduce_after": (1, 2)}, "reductions: got 2, allowed: 0, 1"),
        ({"reduce_after": (3,)}, "cells of stage 1: got 3, allowed: 0, 1, 2"),
        ({"cells": 2, "reduce_after": (2,)}, "cells of stage 2: got 0, allowed: 1, 2"),
        ({"gated_cells": (1,)}, "gated_cells: got .*, allowed: none"),
    ],
)
def test_a_skeleton_of_another_space_is_refused(skeleton: dict[str, object], message: str) -> None:
    options = SkeletonOptions(channels_options=(4, 8), reductions_options=(0, 1), stage_cells_options=(0, 1, 2))
    with pytest.raises(ValueError, match=message):
        options.values(replace(BASE, **skeleton))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels_options": (0,)}, "channels_options: got 0, allowed: 1 to 4096"),
        ({"channels_options": (8, 8)}, "channels_options: got '8 8', allowed: each number once"),
        ({"reductions_options": (1,)}, "stage_cells_options: got nothing, allowed with reductions_options: one number"),
        ({"stage_cells_options": (1,)}, "reductions_options: got nothing, allowed with stage_cells_options: one nu"),
        ({"reductions_options": (13,), "stage_cells_options": (1,)}, "reductions_options: got 13, allowed: 0 to 12"),
        ({"reductions_options": (1,), "stage_cells_options": (0,)}, "stage_cells_options: got 0 alone, allowed: at l"),
        (
            {"reductions_options": (4,), "stage_cells_options": (1, 50)},
            "stage_cells_options: up to 50 cells in each of 5 stages are 250, allowed: at most 200 together",
        ),
        (
            {"channels_options": (1024,), "reductions_options": (3,), "stage_cells_options": (1,)},
            "channels after the last reduction: got 8192, allowed: 1 to 4096",
        ),
    ],
)
def test_options_that_make_no_skeleton_are_refused(options: dict[str, tuple[int, ...]], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        SkeletonSpace(SkeletonOptions(**options), BASE)
    assert "\n" not in str(refusal.value)
