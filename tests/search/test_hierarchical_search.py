"""Searches of cells with motifs: by neat-python and by strategies, stopped and resumed, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from darts.settings import load_darts_experiment
from neat_deep.base.errors import ConfigError, GraphError
from neat_deep.config.search_settings import SearchSettings
from neat_deep.evolution.expression import express_architecture, seed_architecture
from neat_deep.search.checks import check_experiment, check_start, neat_start
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge, Motif
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.starts import start_point
from tests.support.random_cells import DIGITS_INI, genome_config
from tests.support.stopped import assert_ends_the_same
from tests.support.strategies import small_settings
from tests.support.toy_search import (
    ALL_ON,
    DATA,
    SPACE,
    experiment,
    search,
    search_by_strategy,
    strategy_experiment,
)

pytestmark = pytest.mark.usefixtures("no_pictures")

OPS = ("none", "identity", "sep_conv_1", "max_pool_3")
FEW = replace(SPACE, op_options=OPS, nodes=2, motifs=2, motif_nodes=2)


def by_neat(generations: int) -> Any:
    asked = experiment(ALL_ON, generations)
    keys = {"motifs": 2, "motif_nodes": 2, "max_nodes": 3, "motif_mutate_rate": 0.5, "op_mutate_rate": 0.5}
    asked.neat.genome_config = genome_config(**keys, op_options=" ".join(OPS))
    return asked


def by_strategy(name: str, generations: int) -> Any:
    settings = small_settings(name)
    asked = strategy_experiment(ALL_ON, generations, space=FEW)
    return replace(asked, search=SearchSettings(name, generation_size=4), settings=settings)


def assert_motifs_are_kept(folder: Path) -> None:
    """Networks are kept with the motifs that they use, under the names of the networks without."""
    with RunStore.read(folder) as store:
        kept = {row.digest: store.architecture(row.digest) for row in store.candidates() if row.key}
        inherited = [row for row in store.candidates() if row.key and row.key != row.digest]
    assert any(architecture.cell.motifs for architecture in kept.values()) and inherited
    for digest, architecture in kept.items():
        assert digest == architecture.cell.flat().digest()
        assert architecture.tidy() == architecture
    assert Architecture.load(folder / "best.json") in kept.values()


def test_neat_evolves_motifs_with_their_cells(tmp_path: Path) -> None:
    search(tmp_path, by_neat(2))
    assert_motifs_are_kept(tmp_path)


@pytest.mark.slow
def test_neat_goes_on_the_same_with_motifs(tmp_path: Path) -> None:
    search(tmp_path / "whole", by_neat(3))
    assert_ends_the_same(tmp_path / "parts", tmp_path / "whole", search, lambda: by_neat(3))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["regularized_evolution", "local_search", "reinforce"])
def test_a_strategy_searches_motifs_with_their_cells_and_goes_on_the_same(name: str, tmp_path: Path) -> None:
    search_by_strategy(tmp_path / "whole", by_strategy(name, 4))
    if name == "regularized_evolution":
        assert_motifs_are_kept(tmp_path / "whole")
    assert_ends_the_same(tmp_path / "parts", tmp_path / "whole", search_by_strategy, lambda: by_strategy(name, 4))


def test_ops_are_checked_and_motifs_are_none() -> None:
    check_experiment(by_neat(2), DATA.spec)
    check_experiment(by_strategy("random", 2), DATA.spec)


def test_what_cannot_search_motifs_names_the_space(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="strategy 'morphism': got the space 'hierarchical', allowed: cell, entire"):
        check_experiment(by_strategy("morphism", 2), DATA.spec)
    file = tmp_path / "darts.ini"
    shipped = DIGITS_INI.with_name("digits_darts.ini").read_text()
    for section in ("SearchSpace", "CellGenome"):
        file.write_text(f"{shipped}\n[{section}]\nmotifs = 2\n")
        with pytest.raises(ConfigError, match=rf"\[{section}\] motifs: got the space 'hierarchical', which the strat"):
            load_darts_experiment(file)
        file.write_text(f"{shipped}\n[{section}]\nmotifs = 0\n")
        load_darts_experiment(file)


POOLED = Motif("motif_1", (CellNode((Edge(0, "sep_conv_1", "relu"),), key=0),))
START = CellGraph(
    1,
    (
        CellNode((Edge(0, "motif_1"), Edge(0, "max_pool_3")), key=3),
        CellNode((Edge(1, "identity", "relu"),), key=0),
    ),
    motifs=(POOLED,),
)


def test_a_strategy_starts_from_a_cell_with_motifs_in_every_space() -> None:
    skeleton = by_strategy("local_search", 2).network
    options = {"channels_options": (4, 8), "reductions_options": (0, 1), "stage_cells_options": (0, 1)}
    nodes = (_with_op(START.nodes[0], "other"), START.nodes[1])
    other = replace(START, nodes=nodes, motifs=(Motif("other", POOLED.nodes),))
    for settings in (FEW, replace(FEW, motifs=0), replace(FEW, **options), replace(FEW, motifs=0, **options)):
        space = settings.space(skeleton)
        for cell in (START, other):
            given = Architecture(cell, skeleton)
            point = start_point(space, given)
            architecture = point if isinstance(point, Architecture) else Architecture(point, skeleton)
            assert architecture.digest() == given.digest()
            assert space.decide(space.values(point)) == point
    kept = start_point(FEW.space(skeleton), Architecture(START, skeleton))
    assert "motif_1" in {edge.op for node in kept.nodes for edge in node.edges}
    with pytest.raises(GraphError, match=r"the skeleton of \[Network\] is not in the space: channels: got 4, allow"):
        start_point(replace(FEW, channels_options=(8, 16)).space(skeleton), Architecture(START, skeleton))


def test_neat_starts_from_a_cell_with_motifs_whether_or_not_it_has_some() -> None:
    for asked in (by_neat(2), experiment(ALL_ON, 2)):
        check_start(asked, START, DATA.spec)
        config = asked.neat.genome_config
        start = neat_start(asked, START, asked.network)
        genome = seed_architecture(start, config, 1)
        expressed = express_architecture(genome, config, asked.network)
        assert expressed.digest() == Architecture(START, asked.network).digest()
    with pytest.raises(ConfigError, match="strategy 'morphism': got the space 'hierarchical'"):
        check_start(by_strategy("morphism", 2), START, DATA.spec)


def _with_op(node: CellNode, op: str) -> CellNode:
    return replace(node, edges=(replace(node.edges[0], op=op), *node.edges[1:]))
