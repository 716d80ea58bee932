"""Searches that choose the skeleton too: by neat-python and by strategies, stopped and resumed, and what is refused."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from darts.settings import load_darts_experiment
from neat_deep.base.errors import ConfigError, GraphError, NeatDeepError
from neat_deep.config.search_settings import SearchSettings
from neat_deep.data import DataSpec
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.search.checks import check_experiment, check_start, make_strategy, neat_start, skeleton_of_start
from neat_deep.search.evolve import evolve
from neat_deep.search.run_identity import stored_start
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.registry import STRATEGIES
from tests.support.random_cells import DIGITS_INI, genome_config
from tests.support.stopped import assert_ends_the_same
from tests.support.strategies import small_settings
from tests.support.toy_search import (
    ALL_ON,
    DATA,
    PLAIN,
    SPACE,
    experiment,
    search,
    search_by_strategy,
    strategy_experiment,
)

pytestmark = pytest.mark.usefixtures("no_pictures")

OPTIONS: dict[str, tuple[int, ...]] = {
    "channels_options": (2, 4),
    "reductions_options": (0, 1),
    "stage_cells_options": (0, 1, 2),
}
TEXTS = {key: " ".join(map(str, value)) for key, value in OPTIONS.items()}


def by_neat(fitness: FitnessSettings, generations: int, **texts: str) -> Any:
    asked = experiment(fitness, generations)
    asked.neat.genome_config = genome_config(**{**TEXTS, **texts})
    return asked


def by_strategy(name: str, fitness: FitnessSettings, generations: int, **options: Any) -> Any:
    settings = small_settings(name)
    asked = strategy_experiment(fitness, generations, space=replace(SPACE, **{**OPTIONS, **options}))
    return replace(asked, search=SearchSettings(name, generation_size=4), settings=settings)


def architectures(folder: Path) -> list[Architecture]:
    with RunStore.read(folder) as store:
        return [store.architecture(digest) for digest in {row.digest for row in store.candidates() if row.key}]


def mutating(generations: int) -> Any:
    return by_neat(ALL_ON, generations, channels_mutate_rate="0.5", stage_cells_mutate_rate="0.5")


def test_neat_evolves_skeletons_with_their_cells(tmp_path: Path) -> None:
    search(tmp_path, mutating(2))
    found = architectures(tmp_path)
    assert {a.skeleton.channels for a in found} == {2, 4}
    assert len({(a.skeleton.cells, a.skeleton.reduce_after) for a in found}) > 2
    best = Architecture.load(tmp_path / "best.json")
    assert best.skeleton.channels in OPTIONS["channels_options"]


@pytest.mark.slow
def test_neat_goes_on_the_same_with_skeletons(tmp_path: Path) -> None:
    search(tmp_path / "whole", mutating(3))
    assert_ends_the_same(tmp_path / "parts", tmp_path / "whole", search, lambda: mutating(3))


@pytest.mark.slow
def test_a_strategy_searches_skeletons_too_and_goes_on_the_same(tmp_path: Path) -> None:
    def asked() -> Any:
        return by_strategy("regularized_evolution", ALL_ON, 3)

    search_by_strategy(tmp_path / "whole", asked())
    found = architectures(tmp_path / "whole")
    assert len({a.skeleton for a in found}) > 3
    assert_ends_the_same(tmp_path / "parts", tmp_path / "whole", search_by_strategy, asked)


def test_a_network_in_the_skeleton_of_the_experiment_keeps_the_name_of_its_cell(tmp_path: Path) -> None:
    """So a score that a search of cells keeps is named as it was before skeletons could be searched."""
    search_by_strategy(tmp_path, by_strategy("random", PLAIN, 4, channels_options=(4, 8), reductions_options=(0,)))
    with RunStore.read(tmp_path) as store:
        named = {row.digest: store.architecture(row.digest) for row in store.candidates() if row.key}
    shared = [a for digest, a in named.items() if digest == a.cell.digest()]
    assert shared and all((a.skeleton.channels, a.skeleton.cells) == (4, 1) for a in shared)
    assert all(digest == a.digest() for digest, a in named.items() if a not in shared)
    assert len(shared) < len(named)


FOUND = Architecture(
    CellGraph(1, (CellNode((Edge(0, "sep_conv_3", "relu"), Edge(0, "max_pool_3")), key=0),)),
    Skeleton(channels=2, cells=3, reduce_after=(1,), growth=1.0),
)
KEPT = replace(FOUND, skeleton=Skeleton(channels=2, cells=3, reduce_after=(1,)))  # the rest is as [Network] says


def test_neat_starts_from_the_skeleton_that_another_search_found(tmp_path: Path) -> None:
    evolve(by_neat(PLAIN, 1), DATA, tmp_path, Console(file=io.StringIO()), start=FOUND)
    found = architectures(tmp_path)
    assert KEPT.digest() in {architecture.digest() for architecture in found}
    with RunStore.read(tmp_path) as store:
        assert stored_start(store) == FOUND  # as it was given: a resume puts it in place again


def test_a_strategy_starts_from_it_and_in_a_resumed_run_too(tmp_path: Path) -> None:
    search_by_strategy(tmp_path, by_strategy("local_search", PLAIN, 1), start=FOUND)
    search_by_strategy(tmp_path, by_strategy("local_search", PLAIN, 2), resume=True)
    with RunStore.read(tmp_path) as store:
        first, second, *_ = store.candidates()
        assert store.architecture(first.digest).digest() == KEPT.digest()
        assert second.parents == (first.candidate,)  # a neighbour of it


@pytest.mark.parametrize("name", [info.name for info in STRATEGIES.values() if info.name not in ("darts", "morphism")])
def test_every_strategy_that_chooses_skeletons_takes_one(name: str) -> None:
    if name == "optuna":
        pytest.importorskip("optuna")
    asked = by_neat(PLAIN, 2) if name == "neat" else by_strategy(name, PLAIN, 2)
    if name == "grid":
        cells = {"op_options": ("sep_conv_3", "max_pool_3"), "nodes": 1, "aggregation_options": ("add",)}
        asked = replace(asked, space_settings=replace(asked.space_settings, **cells))
    check_start(asked, FOUND, DATA.spec)
    if name == "neat":
        assert neat_start(asked, FOUND, asked.network) == KEPT
        return
    (proposal,) = make_strategy(asked, asked.network, FOUND).ask(1)
    assert proposal.point.digest() == KEPT.digest()


def test_a_start_that_only_its_cell_can_be_kept_of_stands_in_the_skeleton_of_the_experiment() -> None:
    wide = replace(FOUND, skeleton=replace(FOUND.skeleton, channels=64))
    for asked in (by_neat(PLAIN, 2), by_strategy("random", PLAIN, 2)):
        note = skeleton_of_start(asked, wide, DATA.spec).note
        assert (
            "its own (64 channels, 3 cells, reduced after 1) is not in the space: channels: got 64, allowed: 2, 4"
            in (note)
        )
    (proposal,) = make_strategy(asked, asked.network, wide).ask(1)
    assert proposal.point.skeleton == asked.network
    none = by_strategy("random", PLAIN, 2, channels_options=(2,))
    with pytest.raises(GraphError, match="its skeleton is not in the space: .*; nor is that of"):
        check_start(none, wide, DATA.spec)
    with pytest.raises(GraphError, match="its skeleton is not in the space: .*; nor is that of"):
        check_start(by_neat(PLAIN, 2, channels_options="2"), wide, DATA.spec)


# --- what is refused, before anything is written ---------------------------------------------------------------------

SMALL_IMAGES = DataSpec("tiny", 2, 2, ("a", "b"), (1, 4, 3), (0.5,), (0.2,))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"reductions_options": (1, 3)},
            r"\[SearchSpace\] reductions_options: got 3 reductions, allowed for images of 4x3: 2 or fewer",
        ),
        ({"channels_options": (4096,)}, r"channels after the last reduction: got 8192, allowed: 1 to 4096"),
    ],
)
def test_a_skeleton_that_the_data_cannot_have_is_refused_by_every_search(
    options: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(NeatDeepError, match=message) as refusal:
        check_experiment(by_strategy("random", PLAIN, 2, **options), SMALL_IMAGES)
    assert "\n" not in str(refusal.value)
    texts = {key: " ".join(map(str, value)) for key, value in options.items()}
    with pytest.raises(NeatDeepError, match=message.replace("SearchSpace", "CellGenome")):
        check_experiment(by_neat(PLAIN, 2, **texts), SMALL_IMAGES)
    folder = tmp_path / "never"
    with pytest.raises(NeatDeepError, match=message):
        search_by_strategy(folder, by_strategy("random", PLAIN, 2, **options), data=replace(DATA, spec=SMALL_IMAGES))
    assert not folder.exists()


def test_the_scale_of_scoring_and_a_search_of_channels_are_refused_together() -> None:
    with pytest.raises(ConfigError, match=r"\[Fitness\] channels: got 2, allowed with channels_options: 0, since"):
        check_experiment(by_strategy("random", replace(PLAIN, channels=2), 2), DATA.spec)
    with pytest.raises(ConfigError, match=r"\[Fitness\] channels: got 2, allowed with channels_options: 0, since"):
        check_experiment(by_neat(replace(PLAIN, channels=2), 2), DATA.spec)


def test_channels_that_an_op_cannot_have_are_refused() -> None:
    texts = DataSpec("texts", 1, 2, ("a", "b"), (16,), (), (), vocabulary=50)
    asked = by_strategy(
        "random", PLAIN, 2, op_options=("attention", "none"), channels_options=(8, 12), reductions_options=(0,)
    )
    with pytest.raises(ConfigError, match=r"\[SearchSpace\] channels_options: .*12"):
        check_experiment(replace(asked, network=replace(asked.network, channels=8)), texts)


def test_morphism_names_the_space_that_it_cannot_search() -> None:
    asked = by_strategy("morphism", replace(PLAIN, inherit=True), 2)
    with pytest.raises(ConfigError, match="strategy 'morphism': got the space 'network', allowed: cell, entire; its"):
        check_experiment(asked, DATA.spec)


@pytest.mark.parametrize("section", ["Darts", "SearchSpace", "CellGenome"])
@pytest.mark.parametrize("key", OPTIONS)
def test_darts_names_the_space_that_it_cannot_search(section: str, key: str, tmp_path: Path) -> None:
    text = DIGITS_INI.with_name("digits_darts.ini").read_text() + ("" if section == "Darts" else f"\n[{section}]\n")
    file = tmp_path / "darts.ini"
    file.write_text(text.replace(f"[{section}]\n", f"[{section}]\n{key} = 1 2\n"))
    with pytest.raises(ConfigError) as refusal:
        load_darts_experiment(file)
    assert str(refusal.value) == (
        f"{file}: [{section}] {key}: got the space 'network', which the strategy 'darts' cannot search; "
        "allowed: cell, entire, without this key"
    )
    file.write_text(re.sub(rf"(?m)^{key} = .*\n", f"{key} =\n" if section != "Darts" else "", file.read_text()))
    load_darts_experiment(file)


def test_the_state_of_a_run_is_json(tmp_path: Path) -> None:
    search(tmp_path, by_neat(PLAIN, 2))
    with RunStore.read(tmp_path) as store:
        genomes = json.loads(store.state(1)[0])["genomes"]
    assert all(len(genome["skeleton"]) == 5 for genome in genomes)
