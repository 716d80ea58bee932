"""Architectures: JSON round trip, and errors that name the field."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neat_deep.base.errors import ArchitectureError, ConfigError, OutputError
from neat_deep.data import DataSpec
from neat_deep.networks.cost import count_parameters
from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from tests.support.random_cells import graphs

ARCHITECTURE = Architecture(
    CellGraph(
        1,
        (
            CellNode((Edge(0, "sep_conv_3", "relu"),), "add", 4),
            CellNode((Edge(1, "identity"), Edge(0, "identity")), "mul", 0),
        ),
    ),
    Skeleton(channels=8, cells=3, reduce_after=(0, 2)),
)
SHIPPED = sorted((Path(__file__).resolve().parents[2] / "configs" / "architectures").rglob("*.json"))


@given(graphs(gates=True), st.sampled_from([(), (1,), (0, 1)]))
@settings(max_examples=50, deadline=None)
def test_json_round_trip(graph: CellGraph, gated_cells: tuple[int, ...]) -> None:
    architecture = Architecture(graph, Skeleton(cells=2, reduce_after=(1,), gated_cells=gated_cells))
    read = Architecture.from_json(architecture.to_json())
    assert read == architecture
    assert [n.key for n in read.cell.nodes] == [n.key for n in graph.nodes]


def test_file_round_trip(tmp_path: Path) -> None:
    ARCHITECTURE.save(tmp_path / "new" / "a.json")
    assert Architecture.load(tmp_path / "new" / "a.json") == ARCHITECTURE
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.json"]  # nothing temporary stays


def test_files_of_version_1_can_still_be_read() -> None:
    document = json.loads(ARCHITECTURE.to_json())
    assert document["version"] == 2
    document["version"] = 1
    for name in ("embedding_dropout", "positions"):
        del document["skeleton"][name]
    assert Architecture.from_json(json.dumps(document)) == ARCHITECTURE
    document["skeleton"]["positions"] = "never"
    with pytest.raises(ArchitectureError, match="skeleton: unknown field 'positions', allowed: rank,"):
        Architecture.from_json(json.dumps(document))


def test_an_architecture_without_gates_is_named_and_written_as_before_there_were_any() -> None:
    assert ARCHITECTURE.digest() == "f6287f3397480223"  # a changed one would make every stored score worthless
    assert "gated" not in ARCHITECTURE.to_json()
    gated = replace(ARCHITECTURE, skeleton=replace(ARCHITECTURE.skeleton, gated_cells=(1,)))
    assert json.loads(gated.to_json())["version"] == 3
    assert gated.digest() != ARCHITECTURE.digest()


def test_an_architecture_without_ngrams_is_written_as_before_there_were_any() -> None:
    assert "ngram" not in ARCHITECTURE.to_json()
    with_ngrams = replace(ARCHITECTURE, skeleton=Skeleton(rank=1, ngrams=2, ngram_buckets=512, ngram_ratios=False))
    document = json.loads(with_ngrams.to_json())
    assert document["version"] == 5
    assert Architecture.from_json(with_ngrams.to_json()) == with_ngrams
    without = replace(with_ngrams, skeleton=Skeleton(rank=1))
    assert len({with_ngrams.digest(), without.digest()}) == 2
    document["version"] = 4
    with pytest.raises(ArchitectureError, match="skeleton: unknown field 'ngrams'"):
        Architecture.from_json(json.dumps(document))


@pytest.mark.parametrize("ngrams", [0, 2])
def test_ngrams_of_characters_came_later_than_those_of_tokens(ngrams: int) -> None:
    without = replace(ARCHITECTURE, skeleton=Skeleton(rank=1, ngrams=ngrams))
    assert "char_ngrams" not in without.to_json()
    with_characters = replace(ARCHITECTURE, skeleton=Skeleton(rank=1, ngrams=ngrams, char_ngrams=5, ngram_buckets=512))
    document = json.loads(with_characters.to_json())
    assert document["version"] == 6
    assert Architecture.from_json(with_characters.to_json()) == with_characters
    assert len({with_characters.digest(), without.digest()}) == 2
    document["version"] = 5
    with pytest.raises(ArchitectureError, match="skeleton: unknown field 'char_ngrams'"):
        Architecture.from_json(json.dumps(document))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_architectures_load(path: Path) -> None:
    assert Architecture.load(path).cell.nodes


def test_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="file is a file, allowed: a folder"):
        ARCHITECTURE.save(tmp_path / "file" / "a.json")


def set_value(path: list[Any], value: Any) -> Any:
    def change(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_value(["version"], 7), r"version: got 7, allowed: 1, 2, 3, 4, 5, 6"),
        (
            set_value(["cell", "nodes", 1, "edges", 0, "gated"], True),
            r"cell: got a gated edge in version 2, allowed: si",
        ),
        (set_value(["skeleton", "gated_cells"], [1]), r"skeleton: unknown field 'gated_cells'"),
        (set_value(["cell", "nodes", 0, "edges", 0, "gated"], True), r"cell: node 0: got a gate on its only edge"),
        (set_value(["version"], "1"), r"version: got '1', allowed: a whole number"),
        (set_value(["format"], "other"), r"format: got 'other'"),
        (set_value(["extra"], 1), r"unknown field 'extra', allowed: format"),
        (lambda d: d.pop("cell"), r"the field 'cell' is missing"),
        (set_value(["cell", "nodes"], []), r"cell: a cell needs at least one node"),
        (set_value(["cell", "nodes", 0, "edges", 0, "source"], 5), r"cell: node 0: an edge reads state 5"),
        (set_value(["cell", "nodes", 0, "edges", 0, "source"], 1), r"cell: node 0: an edge reads state 1"),
        (set_value(["cell", "nodes", 0, "edges", 0, "source"], True), r"edges\[0\]: source: got True"),
        (set_value(["cell", "nodes", 1, "colour"], "red"), r"cell.nodes\[1\]: unknown field 'colour'"),
        (set_value(["cell", "nodes", 1], 3), r"cell.nodes\[1\]: got int, allowed: an object"),
        (set_value(["skeleton", "channels"], 0), r"skeleton: channels: got 0, allowed: 1 to 4096"),
        (set_value(["skeleton", "channels"], 10**400), r"skeleton: channels: got 10+, allowed: 1 to 4096"),
        (set_value(["skeleton", "growth"], 1e300), r"skeleton: growth: got 1e\+300, allowed: 1 to 16"),
        (set_value(["cell", "num_inputs"], 10**9), r"cell: num_inputs: got 1000000000, allowed: 1 to 16"),
        (set_value(["skeleton", "cells"], 1.5), r"skeleton: cells: got 1.5"),
        (set_value(["skeleton", "reduce_after"], [9]), r"skeleton: reduce_after: got 9, allowed: 0 to 3"),
        (
            set_value(["skeleton", "reduce_after"], ["x"]),
            r"reduce_after: got \['x'\], allowed: a whole number at each place",
        ),
        (set_value(["skeleton", "norm"], "group"), r"norm: got 'group', allowed: batch, layer"),
    ],
)
def test_broken_documents(tmp_path: Path, change, message: str) -> None:
    document = json.loads(ARCHITECTURE.to_json())
    change(document)
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ArchitectureError, match=message) as caught:
        Architecture.load(path)
    assert str(path) in str(caught.value)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ArchitectureError, match="cannot read architecture .*absent.json"):
        Architecture.load(tmp_path / "absent.json")
    (tmp_path / "cut.json").write_text(ARCHITECTURE.to_json()[:50])
    with pytest.raises(ArchitectureError, match="cut.json: not JSON"):
        Architecture.load(tmp_path / "cut.json")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(ArchitectureError, match="deep.json: not JSON of ours: .*nested too deeply"):
        Architecture.load(tmp_path / "deep.json")
    (tmp_path / "long.json").write_text("9" * 100_000)
    with pytest.raises(ArchitectureError, match="long.json: not JSON: "):
        Architecture.load(tmp_path / "long.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ArchitectureError, match="bytes.json: not UTF-8"):
        Architecture.load(tmp_path / "bytes.json")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rank": 3}, "rank: got 3"),
        ({"growth": 0.5}, "growth: got 0.5"),
        ({"growth": 1e300}, r"growth: got 1e\+300, allowed: 1 to 16"),
        ({"channels": 10**9}, "channels: got 1000000000, allowed: 1 to 4096"),
        ({"cells": 10**9}, "cells: got 1000000000, allowed: 1 to 200"),
        (
            {"channels": 1024, "reduce_after": (1, 2, 3)},
            "channels after the last reduction: got 8192, allowed: 1 to 4096",
        ),
        (
            {"cells": 200, "growth": 16.0, "reduce_after": tuple(range(201))},
            r"channels after the last reduction: got \d{200,}, allowed: 1 to",
        ),
        ({"dropout": 1.0}, "dropout: got 1.0"),
        ({"reduce_after": (2, 1)}, "reduce_after: got .*rising"),
        ({"cells": 2, "gated_cells": (2,)}, "gated_cells: got 2, allowed: 0 to 1"),
        ({"gated_cells": (1, 1)}, "gated_cells: got .*rising"),
        ({"ngrams": 6}, "ngrams: got 6, allowed: 0 to 5"),
        ({"ngram_buckets": 1}, "ngram_buckets: got 1, allowed: 2 to"),
        ({"head_pool": "max"}, "head_pool: got 'max'"),
    ],
)
def test_skeleton_checks_itself(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Skeleton(**values)


def test_channels_grow_with_reductions() -> None:
    skeleton = Skeleton(channels=8, cells=4, reduce_after=(0, 2))
    assert [skeleton.channels_of_cell(i) for i in range(4)] == [16, 16, 32, 32]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_architectures_are_built(path: Path) -> None:
    architecture = Architecture.load(path)
    rank = architecture.skeleton.rank
    shape: tuple[int, ...] = (3, 32, 32) if rank == 2 else (20,)
    data = DataSpec("any", rank, 2, ("a", "b"), shape, (0.5,) * 3, (0.2,) * 3, vocabulary=10)
    assert count_parameters(build_network(architecture, data, seed=0)) > 0
