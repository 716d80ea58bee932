"""trained.pt: what it holds comes back, what was changed is refused, and older versions stay readable."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from neat_deep.base.errors import ArchitectureError, OutputError
from neat_deep.networks.network import build_as_ordered
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.fit import evaluate
from neat_deep.training.retraining import retrain
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.trained_file import load_network
from tests.support import toy_data

CPU = torch.device("cpu")
ARCHITECTURE = Architecture(CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),)),)), Skeleton(channels=4, cells=1))


def test_trained_networks_are_loaded_without_running_code(tmp_path: Path) -> None:
    settings = TrainingSettings(epochs=1, batch_size=32)
    trained = retrain(ARCHITECTURE, toy_data.dataset(), settings, device=CPU, seed=0)
    trained.save(tmp_path / "trained.pt")
    loaded = load_network(tmp_path / "trained.pt")
    assert evaluate(loaded, toy_data.stripes(60, 2), device=CPU) == trained.test


def test_gates_are_kept_with_the_weights(tmp_path: Path) -> None:
    cell = CellGraph(1, (CellNode((Edge(0, "sep_conv_3"), Edge(0, "max_pool_3", "relu", gated=True)), "mul"),))
    architecture = Architecture(cell, Skeleton(channels=4, cells=2, gated_cells=(1,)))
    trained = retrain(architecture, toy_data.dataset(), TrainingSettings(batch_size=32), device=CPU, seed=0)
    trained.save(tmp_path / "trained.pt")
    loaded = load_network(tmp_path / "trained.pt")
    gates = {name: gate.item() for name, gate in loaded.named_parameters() if "gates" in name}
    assert set(gates) == {"cells.0.gates.0", "cells.1.gates.0", "gates.1"} and all(gates.values())
    assert evaluate(loaded, toy_data.stripes(60, 2), device=CPU) == trained.test


def test_a_full_disk_under_the_trained_network_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(content: object, path: Path) -> None:
        raise RuntimeError("PytorchStreamWriter failed writing file data/3: file write failed")

    trained = retrain(ARCHITECTURE, toy_data.dataset(), TrainingSettings(epochs=1, batch_size=32), device=CPU, seed=0)
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match="cannot write .*trained.pt .is the disk full.*: PytorchStreamWriter failed"):
        trained.save(tmp_path / "trained.pt")
    assert list(tmp_path.iterdir()) == []


WEIGHT = "stem.conv.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("weights"), "the file: the field 'weights' is missing"),
        (lambda c: c.update(weights=3), "the file: weights: got 3, allowed: an object"),
        (lambda c: c.update(author="me"), "the file: unknown field 'author'"),
        (lambda c: c["weights"].pop(WEIGHT), "weights: 'stem.conv.weight' is missing"),
        (lambda c: c["weights"].update(extra=torch.zeros(1)), "weights: unknown name 'extra'"),
        (lambda c: c["weights"].update({3: torch.zeros(1)}), "weights: unknown name 3"),
        (
            lambda c: c["weights"].update({WEIGHT: torch.zeros(4, 3)}),
            r"weights: stem.conv.weight: got torch.float32 of shape \(4, 3\), allowed: .* of shape \(4, 1, 3, 3\)",
        ),
        (lambda c: c["weights"].update({WEIGHT: "none"}), "weights: stem.conv.weight: got str, allowed: torch.float32"),
        (
            lambda c: c["weights"].update({WEIGHT: c["weights"][WEIGHT].long()}),
            "weights: stem.conv.weight: got torch.int64 of shape .*, allowed: torch.float32",
        ),
        (lambda c: c.update(architecture="[" * 10**5), "not JSON of ours"),
        (lambda c: c.update(architecture="{}"), "the file: the field 'format' is missing"),
        (lambda c: c.update(data="{"), "not JSON: "),
        (lambda c: c.update(data="{}"), "data: the field 'name' is missing"),
        (lambda c: c.update(data=c["data"].replace("[1, 6, 6]", "[1, 6]")), "data: got rank 2, shape .1, 6. and"),
        (
            lambda c: c.update(data=c["data"].replace("[1, 6, 6]", '"large"')),
            "data: shape: got 'large', allowed: a list",
        ),
        (lambda c: c.update(data=c["data"].replace("[1, 6, 6]", "[1, 6, null]")), "data: shape: got .*None"),
        (lambda c: c.update(data=c["data"].replace('"rank": 2', '"rank": 1')), "data: got rank 1"),
        (
            lambda c: c.update(data=c["data"].replace('classes": 2', 'classes": 0')),
            "data: got rank 2, .* and 0 classes, allowed: ",
        ),
        (
            lambda c: c.update(data=c["data"].replace('classes": 2', 'classes": 5')),
            "weights: head.linear.weight: got .*allowed: ",
        ),
    ],
)
def test_trained_networks_that_were_changed_are_refused(
    saved_content: dict[str, Any], change: Callable[[dict[str, Any]], object], message: str, tmp_path: Path
) -> None:
    content = {**saved_content, "weights": dict(saved_content["weights"])}
    change(content)
    torch.save(content, tmp_path / "changed.pt")
    with pytest.raises(ArchitectureError, match=f"changed.pt: {message}"):
        load_network(tmp_path / "changed.pt")


@pytest.fixture(scope="module")
def saved_content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("saved") / "trained.pt"
    settings = TrainingSettings(epochs=1, batch_size=32)
    retrain(ARCHITECTURE, toy_data.dataset(), settings, device=CPU, seed=0).save(path)
    load_network(path)
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a zip", "broken.pt: not a trained network"),
        (b"", "broken.pt: not a trained network"),
        (b"hello\n", "broken.pt: not a trained network"),
        (b"\x80\x02q.", "broken.pt: not a trained network"),
        (None, "cannot read trained network .*broken.pt"),
        ({"format": "other"}, "broken.pt: not a trained network of neat-deep"),
        ({"format": "neat-deep trained network", "version": 9}, "broken.pt: version: got 9, allowed: 1, 2, 3, 4, 5"),
    ],
)
def test_files_that_are_no_trained_networks(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "broken.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(ArchitectureError, match=message):
        load_network(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_is_told_as_damaged(share: float, saved_content: dict[str, Any], tmp_path: Path) -> None:
    torch.save(saved_content, tmp_path / "whole.pt")
    whole = (tmp_path / "whole.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ArchitectureError, match="cut.pt: not a trained network: damaged"):
        load_network(tmp_path / "cut.pt")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str, ...]]:
            return (print, ("code was run",))

    torch.save({"format": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(ArchitectureError, match="not a trained network"):
        load_network(tmp_path / "evil.pt")


READS = {
    # what the older versions built beside it: (name, shape of its convolution)
    "newer": (1, {"reductions.1.branches.0": (8, 4, 3, 3)}),
    "older": (0, {"cells.0": (4, 4, 3, 3), "reductions.1.branches.1": (8, 4, 3, 3)}),
}


def older_file(path: Path, version: int, used_input: int, unread: dict[str, tuple[int, ...]]) -> torch.Tensor:
    """A file of a version before 4, with weights of parts that nobody reads; returns what its network says."""
    cell = CellGraph(2, (CellNode((Edge(used_input, "sep_conv_3"),)),))
    skeleton = Skeleton(channels=4, cells=2, reduce_after=(1,))
    data = toy_data.dataset()
    trained = retrain(Architecture(cell, skeleton), data, TrainingSettings(epochs=1, batch_size=32), device=CPU, seed=0)
    trained.save(path)
    content = torch.load(path, weights_only=True)
    for part, shape in unread.items():
        content["weights"][f"{part}.conv.weight"] = torch.ones(shape)
        content["weights"][f"{part}.norm.bias"] = torch.ones(shape[0])
    content["version"] = version
    if version == 1:
        facts = json.loads(content["data"])
        del facts["vector_size"]
        content["data"] = json.dumps(facts)
    torch.save(content, path)
    return answers(trained.network)


def answers(network: nn.Module) -> torch.Tensor:
    (batch,) = toy_data.stripes(20, 3).eval_batches(20)
    with torch.no_grad():
        return network.eval()(*batch.arguments)


@pytest.mark.parametrize("reads", READS)
@pytest.mark.parametrize("version", [1, 2, 3])
def test_weights_that_older_versions_kept_for_parts_nobody_reads_are_passed_over(
    version: int, reads: str, tmp_path: Path
) -> None:
    expected = older_file(tmp_path / "old.pt", version, *READS[reads])
    assert torch.equal(answers(load_network(tmp_path / "old.pt")), expected)


@pytest.mark.parametrize(("version", "part"), [(3, "reductions.2.branches.0"), (4, "reductions.1.branches.0")])
def test_weights_of_parts_that_no_version_built_are_refused(version: int, part: str, tmp_path: Path) -> None:
    older_file(tmp_path / "odd.pt", version, 1, {part: (8, 4, 3, 3)})
    with pytest.raises(ArchitectureError, match=f"odd.pt: weights: unknown name '{part}.conv.weight'"):
        load_network(tmp_path / "odd.pt")


@pytest.mark.parametrize("activations", [("identity", "identity"), ("tanh", "identity"), ("identity", "relu")])
def test_an_op_under_its_other_name_keeps_its_weights(activations: tuple[str, str], tmp_path: Path) -> None:
    """Before version 5 the ops of a node were ordered by either name, so `dil_conv_1` stood before others."""
    edges = tuple(Edge(0, op, act) for op, act in zip(("dil_conv_1", "sep_conv_1"), activations, strict=True))
    reader = CellNode((Edge(1, "dil_conv_1"), Edge(1, "max_pool_3")))
    architecture = Architecture(CellGraph(1, (CellNode(edges, "mul"), reader)), Skeleton(channels=4, cells=1))
    as_it_was = replace(architecture, cell=architecture.cell.canonical_as_named())
    network = build_as_ordered(as_it_was, toy_data.SPEC, seed=3).eval()
    content = {
        "format": "neat-deep trained network",
        "version": 4,
        "architecture": architecture.to_json(),
        "data": json.dumps(asdict(toy_data.SPEC)),
        "weights": dict(network.state_dict()),
    }
    torch.save(content, tmp_path / "old.pt")
    images = next(toy_data.stripes(8, 0).eval_batches(8)).inputs
    with torch.no_grad():
        assert torch.equal(load_network(tmp_path / "old.pt")(images), network(images))
