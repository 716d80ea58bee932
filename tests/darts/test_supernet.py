"""The supernet: made of the network's own parts, seeded, and not ruled by luck when it is scored."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.nn import functional as F

from darts import Architect, SearchSpace, build_supernet
from darts.supernet import compile_edges
from neat_deep.base.errors import ArchitectureError, ConfigError
from neat_deep.data import Batch, DataSpec, TextSplit
from neat_deep.networks.network import build_network
from neat_deep.networks.norm_statistics import measure_norms
from neat_deep.ops import ACTIVATIONS, list_ops
from neat_deep.ops.registry import ActivationInfo
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from tests.support.toy_data import SPEC, stripes
from tests.support.toy_supernet import SPACE, batch, spread_alphas, supernet

TEXT = DataSpec("words", 1, 3, ("a", "b", "c"), (9,), (), (), vocabulary=20)
TEXT_SKELETON = Skeleton(rank=1, channels=8, cells=2, reduce_after=(1,), growth=1.0)


def test_cells_share_alphas_and_nothing_else() -> None:
    made = build_supernet(SPACE, Skeleton(channels=8, cells=3), SPEC, seed=0)
    assert [tuple(alpha.shape) for alpha in made.alphas.parameters()] == [(1, len(SPACE.edges), len(SPACE.candidates))]
    weights = list(made.weights())
    assert len({id(w) for w in weights}) == len(weights)
    assert {id(p) for p in made.parameters()} - {id(w) for w in weights} == {id(a) for a in made.alphas.parameters()}
    cells = [list(cell.parameters()) for cell in made.network.cells.values()]
    assert len(cells) == 3 and len({len(cell) for cell in cells}) == 1
    assert not any(torch.equal(a, b) for a, b in zip(cells[0], cells[1], strict=True) if a.ndim > 1)


def test_all_but_the_cells_is_what_a_derived_network_has() -> None:
    skeleton = Skeleton(channels=8, cells=3, reduce_after=(0, 2), norm="layer", head_pool="mean_max")
    made = build_supernet(SPACE, skeleton, SPEC, seed=0)
    cell = CellGraph(2, (CellNode((Edge(0, "sep_conv_3"), Edge(1, "sep_conv_3"))),))
    derived = build_network(Architecture(cell, skeleton), SPEC, seed=0)

    def shapes(network: torch.nn.Module) -> dict[str, torch.Size]:
        return {n: p.shape for n, p in network.state_dict().items() if not n.startswith("cells.")}

    assert shapes(made.network) == shapes(derived)


def test_seeds() -> None:
    states = []
    for seed, global_seed in ((1, 1), (1, 2), (2, 1)):
        torch.manual_seed(global_seed)
        expected = torch.rand(1, generator=torch.Generator().manual_seed(global_seed))
        states.append(build_supernet(SPACE, Skeleton(channels=8), SPEC, seed=seed).state_dict())
        assert torch.equal(torch.rand(1), expected)  # the global random state was left alone
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))
    assert not torch.equal(states[0]["alphas.candidates"], states[2]["alphas.candidates"])
    assert not torch.equal(states[0]["network.stem.conv.weight"], states[2]["network.stem.conv.weight"])


def test_new_alphas_are_nearly_equal() -> None:
    weights = build_supernet(SPACE, Skeleton(channels=8), SPEC, seed=0).alphas().candidates
    torch.testing.assert_close(weights, torch.full_like(weights, 1 / len(SPACE.candidates)), rtol=0.01, atol=0)
    assert weights.unique().numel() > weights.shape[1]


def test_a_score_is_no_matter_of_luck() -> None:
    made, images = supernet(skeleton=Skeleton(channels=8, cells=1, dropout=0.5)), batch(0).inputs
    made.eval()
    plain = made(images)
    made.identity_dropout = 0.5
    assert torch.equal(made(images), plain)
    made.temperature = 1.0
    assert torch.equal(made(images), made(images))
    made.train()
    assert not torch.equal(made(images), made(images))


def test_a_sampled_supernet_is_scored_as_it_was_trained_with_one_candidate_an_edge() -> None:
    """Alphas that have decided give the same score whether all candidates are mixed or the strongest one is taken."""
    made, images = supernet(), batch(0).inputs
    made.eval()
    with torch.no_grad():
        made.alphas.candidates.mul_(1e6)
        mixed = made(images)
        made.temperature = 1.0
        torch.testing.assert_close(made(images), mixed)
        made.alphas.candidates.mul_(1e-6)  # undecided: only mixing changes
        torch.testing.assert_close(made(images), mixed)
        made.temperature = None
        assert not torch.allclose(made(images), mixed)


def test_what_does_not_suit_the_data() -> None:
    with pytest.raises(ConfigError, match="op_options: got 'attention', which does not support the images"):
        build_supernet(SearchSpace(("identity", "attention")), Skeleton(), SPEC, seed=0)
    with pytest.raises(ConfigError, match=r"partial_channels: got 3, allowed: a divisor of the channels \(16\)"):
        build_supernet(SPACE, Skeleton(channels=16), SPEC, seed=0, partial_channels=3)
    with pytest.raises(ArchitectureError, match="the architecture is for rank 1"):
        build_supernet(SPACE, TEXT_SKELETON, SPEC, seed=0)


def test_sequences_with_padding() -> None:
    """Tokens of the padding change neither the logits nor the alphas' gradient."""
    space = SearchSpace(("none", *list_ops(1)), nodes=2)
    made = build_supernet(space, TEXT_SKELETON, TEXT, seed=0).double()
    optimizer = torch.optim.SGD(made.weights(), lr=0.1, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 20, (4, 9), generator=generator)
    mask = torch.arange(9) < torch.tensor([9, 5, 2, 1])[:, None]
    labels = torch.tensor([0, 1, 2, 0])
    found = []
    for filler in (0, 7):
        data = Batch(torch.where(mask, tokens, filler), labels, mask)
        architect = Architect(made)
        first = architect.first_order(data, seed=1)
        second = architect.second_order(data, data, optimizer, 0.1, seed=1)
        found.append((first.gradients, second.gradients, first.loss, made(data.inputs, mask).detach()))
    torch.testing.assert_close(*found)
    assert all(gradient.abs().sum() > 0 for gradient in found[0][0])


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"partial_channels": 2, "edge_normalisation": True}], ids=["all", "partial"])
def test_compiled_edges_compute_the_same(options: dict[str, object]) -> None:
    """Needs a C++ compiler, and a minute."""
    space = replace(SPACE, ops=("none", "identity", "sep_conv_3", "max_pool_3"), aggregations=("add", "mul"))
    made = supernet(space=space, **options).float()
    data = batch(0)
    found = []
    for compiled in (False, True):
        if compiled:
            compile_edges(made, len(data.labels))
        loss = F.cross_entropy(made(data.inputs.float()), data.labels)
        found.append((loss, torch.autograd.grad(loss, list(made.parameters()))))
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-4)


BATCH_NORMS = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)


@pytest.mark.parametrize("options", [{}, {"partial_channels": 2}])
@pytest.mark.parametrize("kind", ["images", "texts"])
def test_every_norm_is_measured(kind: str, options: dict[str, int]) -> None:
    """The statistics are those that each norm works out itself when all examples go through in training mode."""
    split = stripes(60, 0) if kind == "images" else short_texts(60)
    skeleton = Skeleton(channels=8, cells=2, reduce_after=(1,)) if kind == "images" else TEXT_SKELETON
    made = build_supernet(SPACE, skeleton, split.spec, seed=0, **options)
    spread_alphas(made)
    exact = copy.deepcopy(made).train()
    for norm in exact.modules():
        if isinstance(norm, BATCH_NORMS):
            norm.momentum = 1.0  # the last batch alone counts
    (batch,) = split.train_batches(60, torch.Generator())
    exact(*batch.arguments).sum().backward()

    measure_norms(made, split, batch_size=60)
    assert not made.training
    states = exact.state_dict()
    names = [name for name, _ in made.named_buffers() if name.endswith(("running_mean", "running_var"))]
    assert len(names) == 2 * sum(isinstance(module, BATCH_NORMS) for module in made.modules()) >= 2 * 12
    for name in names:
        torch.testing.assert_close(made.state_dict()[name], states[name], rtol=1e-3, atol=1e-5)


def short_texts(count: int) -> TextSplit:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(2, 10, (count,), generator=generator)
    tokens = torch.randint(1, 20, (int(lengths.sum()),), generator=generator)
    return TextSplit(tokens.int(), lengths, torch.arange(count) % 3, TEXT)


@pytest.mark.usefixtures("registrations")
def test_an_edge_is_compiled_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nothing has asked for the code of an activation before: importing it would cut the step in two."""
    ACTIVATIONS.add(ActivationInfo("cosine", "torch:cos"))
    pieces = []

    def backend(graph: torch.fx.GraphModule, _: object) -> Callable[..., object]:
        pieces.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    space = replace(SPACE, ops=("none", "identity", "sep_conv_3"), activations=("relu", "cosine"))
    made, data = supernet(space=space).float(), batch(0)
    compile_edges(made, len(data.labels))
    torch._dynamo.reset()
    made.train()(data.inputs.float())
    assert pieces and all("cos" in graph.code for graph in pieces)
