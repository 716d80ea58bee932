"""N-grams beside the cells: what they compute, what they start from, and that padding is nothing to them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from neat_deep.base.errors import ArchitectureError
from neat_deep.data import DataSpec, TextSplit
from neat_deep.networks.network import build_network
from neat_deep.networks.ngrams import START, NGrams
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.fit import evaluate, fit
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.trained_file import Trained, load_network

VOCABULARY = 20
BUCKETS = 2**17  # so many that no two n-grams of these tests share one
TOKENS = DataSpec("words", 1, 2, ("a", "b"), (12,), (), (), vocabulary=VOCABULARY)
CPU = torch.device("cpu")
IDENTITY = CellGraph(1, (CellNode((Edge(0, "identity"),)),))


def ngrams_of(text: Sequence[int], longest: int) -> set[tuple[int, ...]]:
    return {tuple(text[i : i + n]) for n in range(1, longest + 1) for i in range(len(text) - n + 1)}


def texts(*numbers: list[int], labels: list[int], spec: DataSpec = TOKENS) -> TextSplit:
    tokens = torch.tensor([token for text in numbers for token in text], dtype=torch.int32)
    return TextSplit(tokens, torch.tensor([len(text) for text in numbers]), torch.tensor(labels), spec)


def logits_of(part: NGrams, text: Sequence[int]) -> Tensor:
    return part(torch.tensor([text]))[0].detach()


def weights_of(part: NGrams, ngram: tuple[int, ...]) -> Tensor:
    """What an n-gram adds to the sum of a text: what it says alone, less all that is in it."""
    inner = ngrams_of(ngram, len(ngram)) - {ngram}
    alone = logits_of(part, ngram) * math.sqrt(len(inner) + 1)
    return alone - sum((weights_of(part, other) for other in inner), torch.zeros_like(alone))


@pytest.mark.parametrize("longest", [1, 2, 3])
@given(text=st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=9))
@settings(max_examples=20, deadline=None)
def test_each_different_ngram_of_a_text_counts_once(longest: int, text: list[int]) -> None:
    part = NGrams(longest, BUCKETS, 2)
    torch.nn.init.normal_(part.weight, std=0.1)
    different = ngrams_of(text, longest)
    expected = torch.stack([weights_of(part, ngram) for ngram in different]).sum(0) / math.sqrt(len(different))
    torch.testing.assert_close(logits_of(part, text), expected, rtol=1e-4, atol=1e-4)


@given(
    lengths=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    extra=st.integers(1, 9),
    filler=st.integers(0, VOCABULARY - 1),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_padding_changes_no_bit(lengths: list[int], extra: int, filler: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    tokens = torch.randint(0, VOCABULARY, mask.shape, generator=generator)
    wide = torch.nn.functional.pad(torch.where(mask, tokens, filler), (0, extra), value=filler)
    found = []
    for batch in ((tokens, mask), (wide, torch.nn.functional.pad(mask, (0, extra)))):
        part = NGrams(3, 64, 2)  # few rows, so that some are shared
        torch.nn.init.normal_(part.weight, generator=torch.Generator().manual_seed(1))
        logits = part(*batch)
        logits.square().sum().backward()
        found.append((logits, part.weight.grad))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    for number, length in enumerate(lengths):
        assert torch.equal(part(tokens[number : number + 1, :length]), part(tokens, mask)[number : number + 1])


def test_ratios_are_those_of_the_paper_with_each_count_lacking_the_text_that_asks() -> None:
    part = NGrams(2, BUCKETS, 2)
    part.start_from_ratios(texts([5, 6, 5, 6], [5, 6], [5, 7], [6, 8], labels=[0, 0, 1, 1]))
    # 5: two texts of class 0 and one of class 1, each count times 2/3; 6: the same; (5, 6): two of class 0, times 1/2.
    mass = [4 / 3 + 4 / 3 + 1, 2 / 3 + 2 / 3]
    shares = [(mass[0] + 1) / (sum(mass) + 2), (mass[1] + 1) / (sum(mass) + 2)]
    for ngram, counts in (((5,), (4 / 3, 2 / 3)), ((6,), (4 / 3, 2 / 3)), ((5, 6), (1, 0)), ((7,), (0, 0))):
        here, there = ((count + 2 * share) / share for count, share in zip(counts, shares, strict=True))
        ratio = START * math.log(here / there)
        torch.testing.assert_close(weights_of(part, ngram), torch.tensor([ratio, -ratio]), rtol=1e-5, atol=1e-7)
    assert weights_of(part, (7,)).tolist() == [0, 0]  # a single text tells nothing about others


def test_a_rare_class_is_not_what_every_rare_word_speaks_for() -> None:
    spec = replace(TOKENS, num_classes=3, class_names=("a", "b", "c"))
    common = [[5, 6, 7]] * 40
    split = texts(*common, [5, 9], [5, 9], labels=[0, 1] * 20 + [2, 2], spec=spec)
    part = NGrams(2, BUCKETS, 3)
    part.start_from_ratios(split)
    assert weights_of(part, (9,)).argmax() == 2
    assert weights_of(part, (6,)).argmin() == 2
    assert weights_of(part, (13,)).tolist() == [0, 0, 0]  # seen nowhere


def skeleton_with(**values: object) -> Skeleton:
    return replace(Skeleton(rank=1, channels=8, cells=1, ngrams=2, ngram_buckets=512), **values)


def ordered(count: int) -> TextSplit:
    """Texts of the same words in every class: their order alone tells the class."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    pairs = torch.tensor([[2, 3], [3, 2]])[labels]
    noise = torch.randint(4, VOCABULARY, (count, 3), generator=generator)
    return TextSplit(
        torch.cat([noise[:, :1], pairs, noise[:, 1:]], 1).flatten(), torch.full((count,), 5), labels, TOKENS
    )


def test_a_network_with_bigrams_tells_texts_apart_that_a_bag_of_words_cannot() -> None:
    train, other = ordered(300), ordered(400).subset(torch.arange(300, 400))
    scores = []
    for longest in (0, 2):
        architecture = Architecture(IDENTITY, skeleton_with(ngrams=longest))
        network = build_network(architecture, TOKENS, seed=0, train=train)
        fit(network, train, TrainingSettings(epochs=2, batch_size=32, learning_rate=0.01), device=CPU, seed=0)
        scores.append(evaluate(network, other, device=CPU).accuracy)
    assert scores[0] < 0.7 and scores[1] == 1.0


def test_ngrams_start_from_counts_only_where_the_skeleton_says_so() -> None:
    train = ordered(60)
    counted, plain = (
        build_network(Architecture(IDENTITY, skeleton_with(ngram_ratios=ratios)), TOKENS, seed=0, train=train).ngrams
        for ratios in (True, False)
    )
    assert counted is not None and plain is not None
    assert (counted.weight * counted.scale).std() > 0
    assert (plain.weight * plain.scale == 0).all()


def test_a_trained_network_keeps_its_ngrams(tmp_path: Path) -> None:
    train = ordered(60)
    architecture = Architecture(IDENTITY, skeleton_with())
    network = build_network(architecture, TOKENS, seed=0, train=train)
    Trained(network, architecture, TOKENS, None, 0, 0, 0.0).save(tmp_path / "trained.pt")
    (batch,) = train.eval_batches(60)
    torch.testing.assert_close(
        load_network(tmp_path / "trained.pt")(*batch.arguments), network.eval()(*batch.arguments)
    )


def test_images_have_no_ngrams() -> None:
    spec = DataSpec("pictures", 2, 2, ("a", "b"), (1, 8, 8), (0.5,), (0.5,))
    with pytest.raises(ArchitectureError, match="ngrams: got 2, allowed for images: 0"):
        build_network(Architecture(IDENTITY, skeleton_with(rank=2)), spec, seed=0)
