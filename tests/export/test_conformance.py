"""Every op, activation and aggregation of the registry can be exported, for inputs of any extent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from neat_deep.data import DataSpec
from neat_deep.data.texts.spelling import spell
from neat_deep.export import onnx_format, torch_format
from neat_deep.export.models import ImageModel, Model, TextModel
from neat_deep.export.tracing import record
from neat_deep.networks.network import build_network
from neat_deep.ops import ACTIVATIONS, AGGREGATIONS, list_ops
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from tests.support.needs_export import needs_export, needs_packages
from tests.support.trained_files import IMAGES, vary

TOKENS = DataSpec("words", 1, 3, ("a", "b", "c"), (12,), (), (), vocabulary=30)
SKELETON = Skeleton(channels=8, cells=2, reduce_after=(1,), head_pool="mean_max")
SIZES = {1: [(1, 1), (4, 1), (1, 5), (5, 20), (2, 2), (8, 8), (2, 13)], 2: [(1, 6, 8), (4, 6, 8), (1, 1, 1), (8, 8, 3)]}
NAMES = {1: "texts", 2: "images"}


def model(rank: int, cell: CellGraph, skeleton: Skeleton = SKELETON, spec: DataSpec | None = None) -> Model:
    """A network with its preprocessing; its weights are random."""
    spec = spec or (IMAGES if rank == 2 else TOKENS)
    network = vary(build_network(Architecture(cell, replace(skeleton, rank=rank)), spec, seed=0), spec)
    if network.char_ngrams is not None:
        network.char_ngrams.learn_words(spell([f"word{number}" for number in range(spec.vocabulary)]))
    made = ImageModel(network, spec, 3) if rank == 2 else TextModel(network, spec, 0)
    return made.eval().requires_grad_(False)


def cell_of(op: str) -> CellGraph:
    """The op before and behind others, added and multiplied."""
    return CellGraph(
        1,
        (
            CellNode((Edge(0, op, "tanh"), Edge(0, "identity"))),
            CellNode((Edge(1, op), Edge(0, "sep_conv_3", "sigmoid")), "mul"),
        ),
    )


def inputs(rank: int) -> list[Tensor]:
    """Images, or texts with padding and without, of extents that no example of the export has."""
    generator = torch.Generator().manual_seed(1)
    if rank == 2:
        return [torch.randint(0, 256, (*size, 3), generator=generator, dtype=torch.uint8) for size in SIZES[2]]
    texts = [torch.randint(1, 30, size, generator=generator) for size in SIZES[1]]
    for text in texts[2:]:
        text[0, text.shape[1] // 2 :] = 0
    return texts


@torch.no_grad()
def check(made: Model, rank: int, formats: Sequence[ModuleType], folder: Path) -> None:
    """The program computes what the model does, in each format."""
    program = record(made)
    expected = [made(one) for one in inputs(rank)]
    assert max(float(one.std(0, correction=0).max()) for one in expected) > 0.01  # it tells inputs apart
    for number, file_format in enumerate(formats):
        path = folder / f"{number}"
        path.write_bytes(file_format.encode(program, made, "{}"))
        exported = file_format.load(path)
        for one, answer in zip(inputs(rank), expected, strict=True):
            torch.testing.assert_close(exported(one), answer, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("rank", "op"), [(rank, op) for rank in (1, 2) for op in list_ops(rank) if op != "gru"])
def test_the_way_that_an_export_takes_gives_the_same(rank: int, op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = model(rank, cell_of(op))
    with torch.no_grad():
        usual = [made(one) for one in inputs(rank)]
        monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True, raising=False)
        for one, answer in zip(inputs(rank), usual, strict=True):
            torch.testing.assert_close(made(one), answer, atol=1e-5, rtol=0)


@pytest.mark.slow
@needs_export
@pytest.mark.parametrize(
    ("rank", "op"), [pytest.param(rank, op, id=f"{op}-{NAMES[rank]}") for rank in (1, 2) for op in list_ops(rank)]
)
def test_every_op_is_exported(rank: int, op: str, tmp_path: Path) -> None:
    needs_packages("onnx")
    check(model(rank, cell_of(op)), rank, [torch_format, onnx_format], tmp_path)


@pytest.mark.slow
@needs_export
@pytest.mark.parametrize("rank", [1, 2], ids=NAMES.get)
def test_every_activation_and_aggregation_is_exported(rank: int, tmp_path: Path) -> None:
    needs_packages("onnx")
    first = tuple(
        CellNode((Edge(place, "sep_conv_3", name), Edge(place, "identity", name)))
        for place, name in enumerate(ACTIVATIONS)
    )
    second = tuple(
        CellNode((Edge(place, "identity"), Edge(0, "sep_conv_3")), name)
        for place, name in enumerate(AGGREGATIONS, start=len(first))
    )
    check(model(rank, CellGraph(1, first + second)), rank, [torch_format, onnx_format], tmp_path)


SKELETONS = {
    "no reduction": replace(SKELETON, reduce_after=()),
    "layer norm, growth, three reductions": replace(SKELETON, norm="layer", growth=2.0, reduce_after=(0, 1, 2)),
    "n-grams": replace(SKELETON, ngrams=3, ngram_buckets=64),
    "the longest n-grams, no reduction": replace(SKELETON, ngrams=5, ngram_buckets=64, reduce_after=()),
    "n-grams of characters": replace(SKELETON, ngrams=1, char_ngrams=4, ngram_buckets=64),
    "positions, mean": replace(SKELETON, positions="always", head_pool="mean", embedding_dropout=0.3, dropout=0.3),
}


@pytest.mark.slow
@needs_export
@pytest.mark.parametrize("rank", [1, 2], ids=NAMES.get)
@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_every_skeleton_is_exported(skeleton: Skeleton, rank: int, tmp_path: Path) -> None:
    """With cells that read two before them, of which one has no way to the output, and join their nodes."""
    needs_packages("onnx")
    cell = CellGraph(
        2,
        (CellNode((Edge(0, "sep_conv_3"), Edge(1, "max_pool_3"))), CellNode((Edge(2, "dil_conv_3", "relu"),))),
        "concat",
    )
    if rank == 2:
        skeleton = replace(skeleton, ngrams=0, char_ngrams=0)
    spec = replace(TOKENS, vector_size=5) if rank == 1 else replace(IMAGES, shape=(3, 1, 9))
    check(model(rank, cell, skeleton, spec), rank, [torch_format, onnx_format], tmp_path)
