"""Padding changes nothing: whole networks for texts, every op, in evaluation and in training."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from neat_deep.data import DataSpec, TextSplit
from neat_deep.data.texts.spelling import spell
from neat_deep.networks.network import Network, build_network
from neat_deep.ops import list_ops
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.fit import evaluate, fit
from neat_deep.training.settings import TrainingSettings

VOCABULARY = 30
LONGEST = 12
TOKENS = DataSpec("words", 1, 3, ("a", "b", "c"), (LONGEST,), (), (), vocabulary=VOCABULARY)
SPELLING = spell([f"word{number}" for number in range(VOCABULARY)])
CPU = torch.device("cpu")


@st.composite
def skeletons(draw: st.DrawFn) -> Skeleton:
    """Any skeleton for sequences, with every kind of dropout that there is."""
    return Skeleton(
        rank=1,
        channels=8,
        cells=2,
        reduce_after=draw(st.sampled_from([(), (0,), (1,), (0, 2)])),
        growth=draw(st.sampled_from([1.0, 2.0])),
        norm=draw(st.sampled_from(["batch", "layer"])),
        head_pool=draw(st.sampled_from(["mean", "mean_max"])),
        dropout=draw(st.sampled_from([0.0, 0.3])),
        embedding_dropout=draw(st.sampled_from([0.0, 0.3])),
        positions=draw(st.sampled_from(["auto", "always", "never"])),
        ngrams=draw(st.sampled_from([0, 3])),
        char_ngrams=draw(st.sampled_from([0, 4])),
        ngram_buckets=64,
    )


def cell_with(op: str) -> CellGraph:
    """The op twice, once behind another, added and multiplied."""
    return CellGraph(
        1,
        (
            CellNode((Edge(0, op, "tanh"), Edge(0, "identity"))),
            CellNode((Edge(1, op), Edge(0, "sep_conv_3", "sigmoid")), "mul"),
        ),
    )


def run(network: Network, tokens: Tensor, mask: Tensor, training: bool) -> tuple[Tensor, list[Tensor]]:
    """Logits, and the gradient of every weight."""
    network.train(training)
    network.zero_grad()
    torch.manual_seed(5)  # for dropout
    logits = network(tokens, mask)
    F.cross_entropy(logits, torch.arange(len(tokens)) % 3).backward()
    return logits.detach(), [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in network.parameters()]


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("op", list_ops(rank=1))
@given(
    skeleton=skeletons(),
    lengths=st.lists(st.integers(1, LONGEST), min_size=2, max_size=5),
    extra=st.integers(1, 9),
    filler=st.integers(0, VOCABULARY - 1),
    seed=st.integers(0, 99),
)
@settings(max_examples=12, deadline=None)
def test_padding_changes_nothing(
    op: str, training: bool, skeleton: Skeleton, lengths: list[int], extra: int, filler: int, seed: int
) -> None:
    """Logits, gradients and the statistics of the norms are those of the batch without more padding."""
    generator = torch.Generator().manual_seed(seed)
    longest = max(lengths)
    tokens = torch.randint(0, VOCABULARY, (len(lengths), longest), generator=generator)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    wide_tokens = F.pad(torch.where(mask, tokens, filler), (0, extra), value=filler)
    wide_mask = F.pad(mask, (0, extra), value=False)
    found = []
    for batch in ((tokens, mask), (wide_tokens, wide_mask)):
        # In double precision: a weight before a norm has a gradient of almost nothing, which is all rounding.
        network = build_network(Architecture(cell_with(op), skeleton), TOKENS, seed=seed).double()
        if network.char_ngrams is not None:
            network.char_ngrams.learn_words(SPELLING)
        for bag in (network.ngrams, network.char_ngrams):
            if bag is not None:  # it starts at zero, and would say nothing
                torch.nn.init.normal_(bag.weight, std=0.05, generator=torch.Generator().manual_seed(seed))
        logits, gradients = run(network, *batch, training)
        assert logits.isfinite().all()
        found.append([logits, *gradients, *network.buffers()])
    for padded, plain in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(padded, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("op", list_ops(rank=1))
def test_a_text_alone_scores_as_in_a_batch(op: str) -> None:
    skeleton = Skeleton(rank=1, channels=8, cells=2, reduce_after=(1,), head_pool="mean_max")
    network = build_network(Architecture(cell_with(op), skeleton), TOKENS, seed=0).eval()
    tokens = torch.randint(0, VOCABULARY, (4, LONGEST), generator=torch.Generator().manual_seed(1))
    lengths = [LONGEST, 5, 2, 1]
    together = network(tokens, torch.arange(LONGEST) < torch.tensor(lengths)[:, None])
    for number, length in enumerate(lengths):
        alone = network(tokens[number : number + 1, :length])
        torch.testing.assert_close(alone[0], together[number], rtol=1e-5, atol=1e-5)


def random_texts(count: int) -> TextSplit:
    generator = torch.Generator().manual_seed(3)
    lengths = torch.randint(1, LONGEST, (count,), generator=generator)
    tokens = torch.randint(2, VOCABULARY, (int(lengths.sum()),), generator=generator)
    return TextSplit(tokens, lengths, torch.arange(count) % 3, TOKENS)


def test_the_batch_size_does_not_move_the_score() -> None:
    network = build_network(Architecture(cell_with("attention"), Skeleton(rank=1, channels=8, cells=1)), TOKENS, seed=0)
    split = random_texts(47)
    one, other = (evaluate(network, split, device=CPU, batch_size=size) for size in (47, 5))
    assert one.examples == other.examples == 47
    assert one.accuracy == other.accuracy
    assert one.loss == pytest.approx(other.loss, rel=1e-5)


def test_training_on_texts_repeats_bit_for_bit() -> None:
    skeleton = Skeleton(rank=1, channels=8, cells=1, embedding_dropout=0.2)
    found = []
    for seed in (4, 4, 5):
        network = build_network(Architecture(cell_with("attention"), skeleton), TOKENS, seed=0)
        fit(network, random_texts(60), TrainingSettings(epochs=2, batch_size=16), device=CPU, seed=seed)
        found.append(torch.cat([p.detach().flatten() for p in network.parameters()]))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
