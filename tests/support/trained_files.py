"""Files of networks that were not trained, but answer each input differently, as trained ones do."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from neat_deep.data import DataSpec, TextSettings
from neat_deep.data.encoding import TextEncoding
from neat_deep.data.texts.tokens import make_encoder
from neat_deep.networks.hashed_bag import HashedBag
from neat_deep.networks.network import Network, build_network
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.trained_file import Trained
from tests.support.text_files import rows

IMAGES = DataSpec("pictures", 2, 3, ("cat", "dog", "Zebra \u00e9"), (3, 6, 8), (0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
GREY = DataSpec("digits", 2, 2, ("zero", "one"), (1, 7, 7), (0.3,), (0.4,))
IMAGE_CELL = CellGraph(1, (CellNode((Edge(0, "sep_conv_3", "relu"), Edge(0, "avg_pool_3"))),))
TEXT_CELL = CellGraph(1, (CellNode((Edge(0, "conv_3", "relu"), Edge(0, "max_pool_3"))),))
SENTENCES = [text for text, _ in rows(80, 0)]


@torch.no_grad()
def vary(network: Network, spec: DataSpec, seed: int = 0) -> Network:
    """Give the norms the statistics of random inputs, and the last layer and n-grams weights that tell these apart."""
    generator = torch.Generator().manual_seed(seed)
    network.head.linear.weight.normal_(0, 1, generator=generator)
    for part in network.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.momentum = None  # the plain mean
        elif isinstance(part, nn.Dropout):
            part.p = 0.0
        elif isinstance(part, HashedBag):
            part.weight.normal_(0, 0.05, generator=generator)  # it starts at zero, and would say nothing
    network.train()
    if spec.rank == 2:
        network(torch.randn(16, *spec.shape, generator=generator))
    else:
        tokens = torch.randint(0, spec.vocabulary, (16, *spec.shape), generator=generator)
        network(tokens, torch.ones_like(tokens, dtype=torch.bool))
    return network.eval()


def image_network(
    cell: CellGraph = IMAGE_CELL, spec: DataSpec = IMAGES, *, seed: int = 0, channels: int = 4, cells: int = 2
) -> Trained:
    """A network for images, with one reduction."""
    architecture = Architecture(cell, Skeleton(channels=channels, cells=cells, reduce_after=(1,)))
    return Trained(vary(build_network(architecture, spec, seed=seed), spec, seed), architecture, spec, None, 0, 0, 0.0)


def text_network(
    cell: CellGraph = TEXT_CELL, settings: TextSettings | None = None, *, seed: int = 0, channels: int = 8
) -> Trained:
    """A network for texts, with its encoding and one reduction."""
    settings = settings or TextSettings(max_length=16, min_count=1)
    encoding = TextEncoding(make_encoder(SENTENCES, settings), settings.max_length, settings.cut)
    shape = (settings.max_length,)
    spec = DataSpec("films", 1, 2, ("bad", "good"), shape, (), (), vocabulary=encoding.encoder.size)
    architecture = Architecture(cell, Skeleton(rank=1, channels=channels, cells=2, reduce_after=(1,)))
    network = vary(build_network(architecture, spec, seed=seed), spec, seed)
    return Trained(network, architecture, spec, None, 0, 0, 0.0, encoding)


def save(trained: Trained, folder: Path, name: str = "trained.pt") -> Path:
    """The network's file in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    trained.save(folder / name)
    return folder / name
