"""Every strategy can start from what another found: it is proposed first, and what follows builds on it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import fmean

import pytest

from neat_deep.base.errors import ArchitectureError, ConfigError, GraphError
from neat_deep.base.registry import registration_scope
from neat_deep.config.search_settings import SearchSettings
from neat_deep.search.checks import check_start
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.space.points import counting
from neat_deep.space.search_space import SearchSpace
from neat_deep.space.skeleton_options import SkeletonOptions
from neat_deep.strategies.registry import START, STRATEGIES, register_strategy
from neat_deep.strategies.starts import cell_point, read_start, start_skeleton
from neat_deep.strategies.strategy import Strategy, StrategyContext
from tests.support.spaces import assert_in_space
from tests.support.strategies import OVER_POINTS, SPACE, generations, made
from tests.support.toy_search import DATA, PLAIN, experiment, strategy_experiment

pytestmark = pytest.mark.usefixtures("needs_optuna")

CELL = CellGraph(
    1,
    (
        CellNode((Edge(0, "sep_conv_3", "relu"), Edge(0, "identity")), "mul", key=7),
        CellNode((Edge(1, "max_pool_3"), Edge(0, "sep_conv_3")), key=7),
    ),
)
START_CELL = cell_point(SPACE, CELL)
QUICK = {"reinforce": {"controller": "independent"}}  # the other takes seconds


def test_every_strategy_takes_a_start() -> None:
    assert [info.name for info in STRATEGIES.values() if START not in info.options] == []


SLOW = ("reinforce", "optuna", "predictor")
each_over_points = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in OVER_POINTS]
)


@each_over_points
def test_the_start_is_the_first_proposal_and_comes_once(name: str) -> None:
    space = replace(SPACE, nodes=1) if name == "grid" else SPACE
    start = cell_point(space, replace(CELL, nodes=CELL.nodes[:1]) if name == "grid" else CELL)
    found = generations(made(name, start=start, space=space, **QUICK.get(name, {})), 4)
    proposals = [proposal for generation in found for proposal in generation]
    assert proposals[0].number == 0 and space.key(proposals[0].point) == space.key(start)
    keys = [space.key(proposal.point) for proposal in proposals]
    assert len(set(keys)) == len(keys) > 4
    assert [proposal.number for proposal in proposals] == list(range(len(proposals)))


@each_over_points
def test_taken_up_anywhere_a_started_search_goes_on_the_same(name: str) -> None:
    space = replace(SPACE, nodes=1) if name == "grid" else SPACE
    start = cell_point(space, replace(CELL, nodes=CELL.nodes[:1]))
    whole = generations(made(name, start=start, space=space, **QUICK.get(name, {})), 4)
    parts = []
    strategy = made(name, start=start, space=space, **QUICK.get(name, {}))
    for seed in range(4):
        kept = json.dumps(dict(strategy.state()))
        strategy = made(name, seed=seed, start=start, space=space, **QUICK.get(name, {}))
        strategy.restore(json.loads(kept))
        parts += generations(strategy, 1)
    assert parts == whole


@pytest.mark.parametrize("name", ["local_search", "regularized_evolution"])
def test_what_climbs_begins_at_the_start(name: str) -> None:
    first, *others = [p for generation in generations(made(name, start=START_CELL), 2, 4) for p in generation]
    near = {SPACE.key(point) for point in SPACE.neighbours(first.point)}
    assert others
    for proposal in others[:3]:
        assert proposal.parents == (0,) and SPACE.key(proposal.point) in near


@pytest.mark.parametrize("controller", ["independent", pytest.param("recurrent", marks=pytest.mark.slow)])
def test_the_controller_is_bent_towards_the_start(controller: str) -> None:
    values = SPACE.values(START_CELL)
    places = counting(SPACE.decisions, values)

    def likeness(start: CellGraph | None) -> float:
        """The share of the start's decisions that a proposal after the first makes too."""
        points = [proposal.point for proposal in made("reinforce", start=start, controller=controller).ask(25)][1:]
        return fmean(SPACE.values(point)[place] == values[place] for point in points for place in places)

    assert likeness(START_CELL) > likeness(None) + 0.05


# --- what the space cannot hold --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "cell", "messages"),
    [
        ({"nodes": 1}, CELL, ["its cell has 2 nodes, allowed: at most 1"]),
        ({"num_inputs": 2}, CELL, ["its cell has 1 inputs, allowed: 2"]),
        ({"aggregations": ("add",)}, CELL, ["its aggregation 'mul' is not in the space: add"]),
        (
            {"ops": ("identity", "none"), "activations": ("identity",)},
            CELL,
            ["its op 'sep_conv_3' is not in", "its op 'max_pool_3' is not in", "its activation 'relu' is not in"],
        ),
        ({}, replace(CELL, output="concat"), [r"its output is that of all nodes \('concat'\)"]),
        (
            {"ops": ("sep_conv_3",)},
            CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),)),)),
            ["a node with one input, and the space no op 'none'"],
        ),
    ],
)
def test_all_that_is_outside_is_said_at_once(changes: dict[str, object], cell: CellGraph, messages: list[str]) -> None:
    with pytest.raises(GraphError) as refusal:
        cell_point(replace(SPACE, **changes), cell)  # type: ignore[arg-type]
    assert "\n" not in str(refusal.value)
    for message in messages:
        assert re.search(message, str(refusal.value))


def test_a_gate_is_left_out_and_the_rest_is_the_same_network() -> None:
    last = replace(CELL.nodes[1], edges=(Edge(1, "max_pool_3"), Edge(0, "sep_conv_3", gated=True)))
    gated = replace(CELL, nodes=(CELL.nodes[0], last))
    assert cell_point(SPACE, gated).digest() == START_CELL.digest() == CELL.digest()
    added = replace(gated, nodes=tuple(replace(n, aggregation="add") for n in gated.nodes))
    check_start(experiment(PLAIN), added, DATA.spec)


def test_what_is_drawn_from_a_space_can_be_its_start() -> None:
    for space in (SPACE, SearchSpace(("sep_conv_3", "identity"), aggregations=("mul", "add"), nodes=3, num_inputs=2)):
        random = Random(3)
        for _ in range(50):
            point = space.sample(random)
            start = cell_point(space, point)
            assert space.key(start) == space.key(point)
            assert_in_space(space, start)


# --- its skeleton ----------------------------------------------------------------------------------------------------

BASE = Skeleton(channels=8, cells=3, reduce_after=(1,), norm="layer")
FOUND = Skeleton(channels=12, cells=4, reduce_after=(0, 2))
CHOICES = SkeletonOptions(channels_options=(8, 12), reductions_options=(1, 2), stage_cells_options=(0, 1, 2))
IN_BASE = "its cell, in the skeleton of [Network]: 8 channels, 3 cells, reduced after 1"


@pytest.mark.parametrize(
    ("options", "given", "shape", "note"),
    [
        (CHOICES, FOUND, (12, 4, (0, 2)), "its cell, in its skeleton: 12 channels, 4 cells, reduced after 0 and 2"),
        (CHOICES, replace(FOUND, gated_cells=(3,)), (12, 4, (0, 2)), "its cell, in its skeleton: 12 channels, "),
        (CHOICES, replace(FOUND, growth=1.5), (12, 4, (0, 2)), "its cell, in what is searched of its skeleton: 12 cha"),
        (
            SkeletonOptions(channels_options=(8, 12)),
            FOUND,
            (12, 3, (1,)),
            "its cell, in what is searched of its skeleton: 12 channels, 3 cells, reduced after 1",
        ),
        (
            CHOICES,
            replace(FOUND, channels=24, cells=7),
            (8, 3, (1,)),
            f"{IN_BASE}; its own (24 channels, 7 cells, reduced after 0 and 2) is not in the space: channels: got 24, "
            "allowed: 8, 12; cells of stage 3: got 5, allowed: 1, 2",
        ),
        (
            CHOICES,
            replace(FOUND, rank=1),
            (8, 3, (1,)),
            f"{IN_BASE}; its own (12 channels, 4 cells, reduced after 0 and 2) is not in the space: it is for "
            "sequences, not for images",
        ),
        (
            SkeletonOptions(),
            replace(FOUND, cells=1, reduce_after=()),
            (8, 3, (1,)),
            f"{IN_BASE}; its own (12 channels, 1 cell, no reduction) is left, as this search starts from cells alone",
        ),
        (SkeletonOptions(), replace(BASE, norm="batch"), (8, 3, (1,)), IN_BASE),
    ],
    ids=[
        "held",
        "with a gated cell",
        "other growth",
        "channels alone",
        "outside",
        "other rank",
        "cells alone",
        "the same",
    ],
)
def test_a_skeleton_is_kept_where_the_search_chooses_it_and_the_user_hears_of_it(
    options: SkeletonOptions, given: Skeleton, shape: tuple[object, ...], note: str
) -> None:
    found = start_skeleton(options, BASE, given)
    assert (found.skeleton.channels, found.skeleton.cells, found.skeleton.reduce_after) == shape
    assert found.note.startswith(note) and "\n" not in found.note
    left = {"channels": 8, "cells": 3, "reduce_after": (1,)}
    assert replace(found.skeleton, **left) == BASE  # what no search chooses is as [Network] says


def test_a_start_whose_skeleton_the_search_cannot_have_in_any_way_is_refused() -> None:
    options = SkeletonOptions(channels_options=(16,))
    with pytest.raises(GraphError, match=r"^its skeleton is not in the space: channels: got 12, .* 16; nor is that of"):
        start_skeleton(options, BASE, FOUND)
    with pytest.raises(GraphError, match=r"^the skeleton of \[Network\] is not in the space: channels: got 8, allowed"):
        start_skeleton(options, BASE, BASE)


# --- where it is read from -------------------------------------------------------------------------------------------


def test_a_run_means_its_best_architecture(tmp_path: Path) -> None:
    architecture = Architecture(CELL, Skeleton(channels=4, cells=1))
    architecture.save(tmp_path / "best.json")
    assert read_start(tmp_path) == read_start(tmp_path / "best.json") == architecture
    assert read_start("resnet_block").cell.num_inputs == 1
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArchitectureError, match="holds no best.json or architecture.json; allowed: the"):
        read_start(tmp_path / "empty")


def test_a_strategy_that_starts_from_nothing_refuses_by_name() -> None:
    with registration_scope():

        @register_strategy("mine")
        def make(context: StrategyContext) -> Strategy:
            raise NotImplementedError

        asked = replace(strategy_experiment(PLAIN), search=SearchSettings("mine"))
        with pytest.raises(ConfigError, match="start: got a cell, which the strategy 'mine' does not start from"):
            check_start(asked, CELL, DATA.spec)
