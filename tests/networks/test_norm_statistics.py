"""Measured statistics of batch normalisations against those of all examples at once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from neat_deep import Architecture, Skeleton
from neat_deep.data import DataSpec, ImageSplit, TextSplit
from neat_deep.networks.network import Network, build_network
from neat_deep.networks.norm_statistics import measure_norms
from neat_deep.ops.norm import ImageBatchNorm, SequenceBatchNorm
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.fit import fit
from neat_deep.training.settings import TrainingSettings

IMAGES = DataSpec("toy", 2, 3, ("a", "b", "c"), (1, 8, 8), (0.3,), (0.2,))
TEXTS = DataSpec("toy", 1, 2, ("a", "b"), (30,), (), (), vocabulary=50)
CELL = CellGraph(1, (CellNode((Edge(0, "sep_conv_3"), Edge(0, "identity"))),))
COUNT = 600  # more than two batches


def images() -> ImageSplit:
    """In order of their class, and the classes differ in brightness."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(COUNT) // (COUNT // 3)
    pixels = torch.randint(0, 80, (COUNT, 1, 8, 8), generator=generator) + 80 * labels[:, None, None, None]
    return ImageSplit(pixels.byte(), labels, IMAGES)


def texts() -> TextSplit:
    """Short texts hold small numbers, long ones large numbers: each length has statistics of its own."""
    lengths = torch.arange(COUNT) % 30 + 1
    generator = torch.Generator().manual_seed(0)
    low = lengths.repeat_interleave(lengths)
    tokens = low + torch.randint(0, 20, (len(low),), generator=generator)
    return TextSplit(tokens.int(), lengths, torch.arange(COUNT) % 2, TEXTS)


def untrained(spec: DataSpec) -> Network:
    return build_network(Architecture(CELL, Skeleton(rank=spec.rank, channels=8, cells=1)), spec, seed=0)


def first_norm_sees(network: Network, split: ImageSplit | TextSplit) -> Tensor:
    """All rows (positions, C) that the first normalisation of the network is given."""
    norm = next(m for m in network.modules() if isinstance(m, ImageBatchNorm | SequenceBatchNorm))
    seen: list[Tensor] = []

    def keep(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        rows = arguments[0].movedim(1, -1)
        has_mask = len(arguments) > 1 and arguments[1] is not None
        seen.append(rows[arguments[1]] if has_mask else rows.flatten(0, -2))

    hook = norm.register_forward_pre_hook(keep)
    network.eval()
    with torch.no_grad():
        for batch in split.eval_batches(100):
            network(*batch.arguments)
    hook.remove()
    return torch.cat(seen).double()


@pytest.mark.parametrize("split", [images(), texts()], ids=["images", "texts"])
def test_they_are_the_statistics_of_all_positions(split: ImageSplit | TextSplit) -> None:
    network = untrained(split.spec)
    measure_norms(network, split)
    norm = next(m for m in network.modules() if isinstance(m, ImageBatchNorm | SequenceBatchNorm))
    rows = first_norm_sees(network, split)
    assert norm.running_mean is not None and norm.running_var is not None
    torch.testing.assert_close(norm.running_mean.double(), rows.mean(0), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(norm.running_var.double(), rows.var(0), rtol=1e-4, atol=1e-6)
    assert not network.training


def test_some_examples_are_a_fair_sample_and_always_the_same() -> None:
    network, again = untrained(IMAGES), untrained(IMAGES)
    measure_norms(network, images(), examples=200)
    measure_norms(again, images(), examples=200)
    torch.testing.assert_close(network.state_dict(), again.state_dict(), rtol=0, atol=0)
    whole = untrained(IMAGES)
    measure_norms(whole, images())
    norms = [next(m for m in made.modules() if isinstance(m, ImageBatchNorm)).running_mean for made in (network, whole)]
    assert norms[0] is not None and norms[1] is not None
    torch.testing.assert_close(norms[0], norms[1], rtol=0.2, atol=0.02)


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_nothing_else_changes(norm: str) -> None:
    skeleton = Skeleton(rank=1, channels=8, cells=1, norm=norm)
    network = build_network(Architecture(CELL, skeleton), TEXTS, seed=0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    measure_norms(network, texts())
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.rsplit(".", 1)[1] for name in changed} <= {"running_mean", "running_var", "num_batches_tracked"}
    assert bool(changed) == (norm == "batch")


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_training_on_texts_ends_with_measured_statistics(ema: float) -> None:
    network, split = untrained(TEXTS), texts()
    fit(network, split, TrainingSettings(epochs=1, batch_size=16, ema=ema), device=torch.device("cpu"), seed=0)
    assert network.training
    trained = {name: value.clone() for name, value in network.state_dict().items()}
    measure_norms(network, split)
    for name, value in network.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            torch.testing.assert_close(trained[name], value, rtol=1e-4, atol=1e-6)


class Named(nn.Module):
    """Calls its norm with the mask by name, and its network with (B, C) features at the end."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 8)
        self.norm = norm
        self.pooled = nn.BatchNorm1d(8)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        features = torch.where(mask.unsqueeze(-1), self.table(tokens), 100.0).transpose(1, 2)
        return self.pooled(self.norm(features, mask=mask).mean(2))


def test_padding_is_left_out_however_the_mask_is_given() -> None:
    norm = SequenceBatchNorm(8)
    measure_norms(Named(norm), texts())
    assert norm.running_mean is not None
    assert norm.running_mean.abs().max() < 10


def test_no_example_stands_alone() -> None:
    lengths = torch.full((257,), 300)
    split = TextSplit(torch.zeros(257 * 300, dtype=torch.int32), lengths, torch.arange(257) % 2, TEXTS)
    network = Named(SequenceBatchNorm(8))
    measure_norms(network, split)  # a batch of one example would end in an error
    assert not network.norm.running_mean.equal(torch.zeros(8))


def test_a_network_that_breaks_is_no_longer_listened_to() -> None:
    network = Named(SequenceBatchNorm(8))
    network.pooled.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        measure_norms(network, texts())
    assert not network.norm._forward_pre_hooks and not network.training
