"""Networks that morphisms make: architectures to start from, batches, and networks with weights like trained ones."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from neat_deep.data import DataSpec
from neat_deep.data.texts.spelling import spell
from neat_deep.networks.network import Network, build_network
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.space.moves import MoveLimits
from neat_deep.space.search_space import SearchSpace

SHIPPED = Path(__file__).resolve().parents[2] / "configs" / "architectures"
IMAGES = DataSpec("images", 2, 3, ("a", "b", "c"), (2, 9, 7), (0.5, 0.5), (0.5, 0.5))
TEXTS = DataSpec("texts", 1, 3, ("a", "b", "c"), (11,), (), (), vocabulary=20)
VECTORS = DataSpec("texts", 1, 3, ("a", "b", "c"), (11,), (), (), vocabulary=20, vector_size=16)
CONVOLUTIONS = ("identity", "sep_conv_1", "sep_conv_3", "sep_conv_5", "dil_conv_3", "dil_conv_5")
POOLS = ("avg_pool_3", "avg_pool_5", "max_pool_3", "max_pool_5")

PAIR = CellGraph(
    2,
    (
        CellNode((Edge(0, "sep_conv_3", "relu"), Edge(1, "identity")), "add"),
        CellNode((Edge(1, "avg_pool_3", "sigmoid"), Edge(2, "sep_conv_1")), "mul"),
        CellNode((Edge(3, "identity", "relu"),)),
    ),
)
TWINS = CellGraph(
    1,
    (
        CellNode((Edge(0, "sep_conv_3"), Edge(0, "sep_conv_3"))),
        CellNode((Edge(0, "sep_conv_3"), Edge(0, "sep_conv_3"))),
        CellNode((Edge(1, "sep_conv_1"), Edge(2, "sep_conv_1"))),
    ),
    "concat",
)
NOTHING = CellGraph(1, (CellNode((Edge(0, "identity"),)),))
OLDER = CellGraph(2, (CellNode((Edge(0, "sep_conv_3", "tanh"),)),))  # reads the cell before the previous one alone


def starts() -> dict[str, tuple[Architecture, DataSpec]]:
    """Architectures of every kind, each with the facts of data that it is for."""
    resnet = Architecture.load(SHIPPED / "resnet_block.json").cell
    transformer = Architecture.load(SHIPPED / "transformer_block.json").cell
    texts = Skeleton(rank=1, channels=16, cells=2, growth=1.0, head_pool="mean_max")
    return {
        "resnet": (Architecture(resnet, Skeleton(channels=8, cells=3, reduce_after=(1, 2))), IMAGES),
        "resnet, layer norm": (Architecture(resnet, Skeleton(channels=6, cells=2, norm="layer")), IMAGES),
        "two inputs": (Architecture(PAIR, Skeleton(channels=5, cells=3, reduce_after=(0, 3), growth=1.5)), IMAGES),
        "concat": (Architecture(TWINS, Skeleton(channels=4, cells=2, reduce_after=(1,), head_pool="mean_max")), IMAGES),
        "identity": (Architecture(NOTHING, Skeleton(channels=4, cells=2, reduce_after=(1,))), IMAGES),
        "older input": (Architecture(OLDER, Skeleton(channels=4, cells=3, reduce_after=(1,))), IMAGES),
        "transformer": (Architecture(transformer, texts), TEXTS),
        "transformer, vectors": (Architecture(transformer, texts), VECTORS),
        "transformer, layer norm": (
            Architecture(transformer, Skeleton(rank=1, channels=8, cells=2, norm="layer", reduce_after=(1,))),
            VECTORS,
        ),
        "texts, two inputs": (Architecture(PAIR, Skeleton(rank=1, channels=6, cells=3, reduce_after=(1, 3))), TEXTS),
        "texts, n-grams": (
            Architecture(PAIR, Skeleton(rank=1, channels=6, cells=2, ngrams=2, char_ngrams=4, ngram_buckets=50)),
            TEXTS,
        ),
        "texts, concat": (Architecture(TWINS, Skeleton(rank=1, channels=8, cells=1, norm="layer")), TEXTS),
    }


def limits(architecture: Architecture) -> MoveLimits:
    """Room for a few moves of every kind; attention where its eight heads can share the channels out."""
    skeleton = architecture.skeleton
    ops = (*CONVOLUTIONS, *POOLS, *(["attention"] if skeleton.rank == 1 and skeleton.channels % 8 == 0 else []))
    space = SearchSpace(
        ops, ("identity", "relu", "tanh"), ("add", "mul"), nodes=12, num_inputs=architecture.cell.num_inputs
    )
    return MoveLimits(space, skeleton.cells + 3, 4 * skeleton.channels)


def lived_in(architecture: Architecture, data: DataSpec, seed: int) -> Network:
    """The network in double precision with every weight, statistic and gate other than a new network's."""
    network = build_network(architecture, data, seed=seed).double()
    if network.char_ngrams is not None:
        network.char_ngrams.learn_words(spell([f"word{number}" for number in range(data.vocabulary)]))
    disturb(network, data, seed)
    return network


@torch.no_grad()
def disturb(network: Network, data: DataSpec, seed: int) -> None:
    """Change every weight and gate, as a training would, and let the running statistics follow."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter += 0.2 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 0.9  # else the outputs in evaluation mode would explode
    network.train()(*batch(data, seed + 1))
    for norm in norms:
        norm.momentum = 0.1


def batch(data: DataSpec, seed: int) -> tuple[Tensor, ...]:
    """What a network for such data is called with: five examples, the texts of several lengths, one without a token."""
    generator = torch.Generator().manual_seed(seed)
    if data.rank == 2:
        return (torch.randn(5, *data.shape, generator=generator, dtype=torch.float64),)
    tokens = torch.randint(0, data.vocabulary, (5, *data.shape), generator=generator)
    lengths = torch.tensor([11, 7, 1, 4, 0])
    return tokens, torch.arange(11) < lengths[:, None]
