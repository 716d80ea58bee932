"""A climb by network morphism: children start where their parents ended, and a stopped climb ends the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from neat_deep.base.errors import ConfigError, InheritanceError, NeatDeepError
from neat_deep.base.registry import registration_scope
from neat_deep.networks.cost import count_parameters
from neat_deep.networks.network import build_network
from neat_deep.ops import register_aggregation
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.network_morphism import MorphismSettings
from tests.support import toy_data
from tests.support.climbs import INHERITING, START, climb
from tests.support.stopped import StoppedError, stop_at
from tests.support.stored_rows import rows
from tests.support.toy_search import ALL_ON, PLAIN, SPACE, search_by_strategy

pytestmark = pytest.mark.usefixtures("no_pictures")


def test_children_start_where_their_parents_ended(tmp_path: Path) -> None:
    """Trained by steps of nothing, without batch statistics, every child scores what the start scored."""
    still = replace(INHERITING, learning_rate=1e-9)
    search_by_strategy(tmp_path, climb(still, norm="layer", size=9, moves_per_child=3))
    with RunStore.read(tmp_path) as store:
        found = store.candidates()
        architectures = {store.architecture(record.digest) for record in found}
    assert len(found) == 1 + 9 + 9
    assert {record.status for record in found} <= {"scored", "reused"}
    losses = [record.metrics["loss"] for record in found]
    assert losses == pytest.approx([losses[0]] * len(losses), abs=1e-5)
    skeletons = {architecture.skeleton for architecture in architectures}
    assert {s.cells for s in skeletons} >= {1, 2} and {s.channels for s in skeletons} >= {4, 8}
    assert any(edge.gated for a in architectures for node in a.cell.nodes for edge in node.edges)


def test_the_network_that_grows_costs_nothing_and_is_never_lost(tmp_path: Path) -> None:
    result = search_by_strategy(tmp_path, climb(generations=4))
    with RunStore.read(tmp_path) as store:
        found = store.candidates()
        parents = [next(r for r in found if r.generation == g) for g in range(4)]
    assert [parent.status for parent in parents] == ["scored", "reused", "reused", "reused"]
    worths = [parent.objective or 0.0 for parent in parents]
    assert worths == sorted(worths)
    assert result.best.objective == max(record.objective or 0.0 for record in found)
    # The first child of each is the network itself, trained further.
    trained_on = [r for r in found if r.generation == 1][1]
    assert (trained_on.digest, trained_on.status) == (parents[1].digest, "scored")
    assert trained_on.key != parents[1].key
    assert Architecture.load(tmp_path / "best.json") == result.best.architecture
    for entry in json.loads((tmp_path / "pareto.json").read_text()):  # each in the skeleton that it grew
        network = build_network(Architecture.from_json(json.dumps(entry["architecture"])), toy_data.SPEC, seed=0)
        assert count_parameters(network) == entry["parameters_in_search"]


def test_networks_may_be_scored_with_other_channels_while_those_stay(tmp_path: Path) -> None:
    still = replace(INHERITING, learning_rate=1e-9, channels=6)
    moves = ("insert_node", "switch_on", "reconnect", "add_cell")
    search_by_strategy(tmp_path, climb(still, generations=2, norm="layer", moves=moves))
    with RunStore.read(tmp_path) as store:
        losses = [record.metrics["loss"] for record in store.candidates()]
    assert losses == pytest.approx([losses[0]] * 7, abs=1e-5)


@pytest.mark.parametrize("fitness", [INHERITING, ALL_ON], ids=["plain", "rungs"])
def test_stopped_at_any_write_a_climb_ends_the_same(tmp_path: Path, fitness: FitnessSettings) -> None:
    asked = climb(fitness, size=4)
    search_by_strategy(tmp_path / "unbroken", asked)
    stops = 0
    for step in range(1, 100):
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, 2 + 5 * step % 4, committed=step % 2 == 0)
            try:
                search_by_strategy(tmp_path / "broken", asked, resume=step > 1)
                break
            except StoppedError:
                stops += 1
    assert stops > 3
    assert rows(tmp_path / "broken") == rows(tmp_path / "unbroken")


def test_a_climb_goes_on_without_the_file_that_it_started_from(tmp_path: Path) -> None:
    moved = tmp_path / "start.json"
    moved.write_text(START.read_text())
    search_by_strategy(tmp_path / "run", climb(generations=1, start=str(moved)))
    moved.unlink()
    search_by_strategy(tmp_path / "run", climb(generations=2, start=str(moved)), resume=True)
    with pytest.raises(ConfigError, match=r"\[Morphism\] start: cannot read architecture"):
        search_by_strategy(tmp_path / "new", climb(start=str(moved)))


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    asked = climb(size=4)
    search_by_strategy(tmp_path / "here", asked)
    search_by_strategy(tmp_path / "pool", replace(asked, run=replace(asked.run, workers="2")))
    found = [{**rows(tmp_path / name), "meta": []} for name in ("here", "pool")]
    assert found[0] == found[1]


def test_weights_that_are_not_kept_end_the_climb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neat_deep.scoring.planning.JobPlanner._keep_bytes", lambda *_: 10)
    with pytest.raises(InheritanceError, match="weights_megabytes: too few to keep the weights of candidate 0"):
        search_by_strategy(tmp_path, climb())


SMALL = replace(SPACE, nodes=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: climb(PLAIN), r"\[Fitness\] inherit: got False, allowed with strategy = morphism: True"),
        (
            lambda: climb(replace(INHERITING, channels=4)),
            r"\[Fitness\] channels: got 4, allowed with the move widen: 0, since the search decides",
        ),
        (lambda: climb(size=1), r"\[Search\] generation_size: got 1, allowed with strategy = morphism: 2 or more"),
        (
            lambda: climb(space=replace(SPACE, aggregation_options=("largest",))),
            r"\[SearchSpace\] aggregation_options: got largest, allowed with the moves ins",
        ),
        (lambda: climb(space=SMALL), r"\[Morphism\] start: .*: its cell has 4 nodes, allowed: at most 2"),
        (
            lambda: climb(space=replace(SPACE, num_inputs=2)),
            r"\[Morphism\] start: .*: its cell has 1 inputs, allowed: 2",
        ),
        (
            lambda: climb(space=replace(SPACE, op_options=("sep_conv_3", "identity"))),
            r"\[Morphism\] start: .*: its op 'sep_conv_1' is not in the space: sep_conv_3 identity",
        ),
        (
            lambda: climb(space=replace(SPACE, activation_options=("identity",))),
            r"\[Morphism\] start: .*: its activation 'relu' is not in the space: identity",
        ),
        (
            lambda: climb(space=replace(SPACE, aggregation_options=("mul",))),
            r"\[Morphism\] start: .*: its aggregation 'add' is not in the space: mul",
        ),
        (lambda: climb(start="transformer_block"), r"\[Morphism\] start: .*: its op 'attention' is not in the space"),
        (lambda: climb(start="resnet_blok"), r"\[Morphism\] start: unknown architecture 'resnet_blok'.*resnet_block"),
        (
            lambda: climb(space=replace(SPACE, op_options=("attention", "identity"))),
            r"\[SearchSpace\] op_options: got 'attention', which does not support the images",
        ),
        (lambda: climb(channels=2), r"\[Morphism\] channels: got 2, allowed: 4, as \[Network\] says, or more"),
    ],
)
def test_bad_settings_leave_no_run(tmp_path: Path, change: Any, message: str) -> None:
    with registration_scope():
        register_aggregation("largest")(max)
        with pytest.raises(ConfigError, match=message):
            search_by_strategy(tmp_path / "run", change())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"moves": ("insert_nod",)}, "unknown move 'insert_nod' in moves; did you mean 'insert_node'"),
        ({"moves": ()}, "moves: got nothing, allowed: at least one of those that add something"),
        ({"moves": ("reconnect",)}, "moves: got only 'reconnect', allowed: at least one of those that add"),
        ({"moves": ("widen", "widen")}, "moves: got 'widen widen', allowed: each name once"),
        ({"moves_per_child": 0}, "moves_per_child: got 0, allowed: 1 to 100"),
    ],
)
def test_bad_settings_of_its_own(values: dict[str, Any], message: str) -> None:
    with pytest.raises(NeatDeepError, match=message):
        MorphismSettings(**values)
