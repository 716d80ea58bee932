"""N-grams of characters beside the cells: what they compute, whose they are, and what a network must know for them."""

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

from neat_deep.base.errors import ArchitectureError, ConfigError
from neat_deep.data import DataSettings, DataSpec, TextParts, TextSettings, TextSplit, load_dataset
from neat_deep.data.texts.spelling import SPELLED, spell
from neat_deep.networks.char_ngrams import CharNGrams
from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.fit import evaluate, fit
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.trained_file import Trained, load_network

WORDS = ("<pad>", "<unk>", "glad", "gladly", "gladness", "sad", "sadly", "a", "né", "counterrevolutionaries")
BUCKETS = 2**17  # so many that no two n-grams of these tests share one
SPEC = DataSpec("words", 1, 2, ("a", "b"), (12,), (), (), vocabulary=len(WORDS))
CPU = torch.device("cpu")
IDENTITY = CellGraph(1, (CellNode((Edge(0, "identity"),)),))
SKELETON = Skeleton(rank=1, channels=8, cells=1, char_ngrams=5, ngram_buckets=512)


def runs_of(word: str, longest: int) -> list[str]:
    """The n-grams of a word, as the definition says."""
    marked = "" if word.startswith("<") else f"<{word}>"[:SPELLED]
    return [marked[i : i + n] for n in range(3, longest + 1) for i in range(len(marked) - n + 1)]


def bag(longest: int = 5, buckets: int = BUCKETS) -> CharNGrams:
    part = CharNGrams(longest, buckets, 2, len(WORDS))
    part.learn_words(spell(WORDS))
    torch.nn.init.normal_(part.weight, generator=torch.Generator().manual_seed(1))
    return part


def logits_of(part: CharNGrams, *words: str) -> Tensor:
    return part(torch.tensor([[WORDS.index(word) for word in words]]))[0].detach()


def split_of(*texts: Sequence[str], labels: Sequence[int], spec: DataSpec = SPEC) -> TextSplit:
    tokens = torch.tensor([WORDS.index(word) for text in texts for word in text], dtype=torch.int32)
    lengths = torch.tensor([len(text) for text in texts])
    return TextSplit(tokens, lengths, torch.tensor(labels), spec, spelling=spell(WORDS))


@pytest.mark.parametrize("longest", [3, 5, 6])
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_a_text_says_what_the_ngrams_of_its_words_say(longest: int, words: list[str]) -> None:
    """Each as often as it stands there; those that two words share have one weight."""
    part = bag(longest)
    part.weight.data.zero_()
    different = sorted({run for word in WORDS for run in runs_of(word, longest)})
    alone = {}  # the row of each n-gram, found by the words that have it
    for word in WORDS:
        rows = part.of_word[WORDS.index(word)]
        for run, row in zip(runs_of(word, longest), rows[rows >= 0].tolist(), strict=True):
            assert alone.setdefault(run, row) == row
    assert len(set(alone.values())) == len(different)
    part.weight.data[list(alone.values())] = torch.randn(len(alone), 2, generator=torch.Generator().manual_seed(0))
    runs = [run for word in words for run in runs_of(word, longest)]
    weights = part.weight * part.scale
    expected = sum((weights[alone[run]] for run in runs), torch.zeros(2)) / math.sqrt(max(len(runs), 1))
    torch.testing.assert_close(logits_of(part, *words), expected.detach(), rtol=1e-4, atol=1e-4)


def test_a_word_that_is_unknown_has_none() -> None:
    part = bag()
    assert logits_of(part, "<unk>", "<pad>").tolist() == [0, 0]
    assert torch.equal(logits_of(part, "glad", "<unk>"), logits_of(part, "glad"))


def test_a_long_word_counts_with_its_beginning() -> None:
    """And with no mark at an end that is cut off."""
    rows = bag(3).of_word[WORDS.index("counterrevolutionaries")]
    assert int((rows >= 0).sum()) == SPELLED - 2


@given(lengths=st.lists(st.integers(1, 5), min_size=2, max_size=4), extra=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_padding_changes_no_bit(lengths: list[int], extra: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    tokens = torch.randint(0, len(WORDS), mask.shape, generator=generator)
    wide = torch.nn.functional.pad(torch.where(mask, tokens, 3), (0, extra), value=4)
    found = []
    for batch in ((tokens, mask), (wide, torch.nn.functional.pad(mask, (0, extra)))):
        part = bag(buckets=64)  # few rows, so that some are shared
        logits = part(*batch)
        logits.square().sum().backward()
        found.append((logits, part.weight.grad))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_a_word_that_trains_once_says_what_its_relatives_say() -> None:
    """Its own count without the text that asks is nothing, those of its n-grams are not."""
    network = build_network(
        Architecture(IDENTITY, replace(SKELETON, ngrams=1)),
        SPEC,
        seed=0,
        train=split_of(["glad"], ["gladly"], ["gladness"], ["sad"], ["sadly"], labels=[0, 0, 0, 1, 1]),
    )
    assert network.ngrams is not None and network.char_ngrams is not None
    tokens = torch.tensor([[WORDS.index("gladness")]])
    assert network.ngrams.scale[network.ngrams.rows(tokens, tokens > 0)[0]].abs().max() == 0
    rows, counted = network.char_ngrams.rows(tokens, tokens > 0)
    scales = network.char_ngrams.scale[rows[counted]]
    assert (scales[:, 0] >= 0).all() and scales[:, 0].max() > 0


def test_a_trained_network_keeps_its_words(tmp_path: Path) -> None:
    """Also where weights are averaged on their way: places are no weights."""
    train = split_of(["glad", "a"], ["gladly"], ["sad", "a"], ["sadly"], labels=[0, 0, 1, 1])
    architecture = Architecture(IDENTITY, SKELETON)
    network = build_network(architecture, SPEC, seed=0, train=train)
    assert network.char_ngrams is not None
    before = network.char_ngrams.of_word.clone()
    fit(network, train, TrainingSettings(epochs=4, batch_size=2, learning_rate=0.01, ema=0.9), device=CPU, seed=0)
    assert torch.equal(network.char_ngrams.of_word, before)
    assert evaluate(network, train, device=CPU).accuracy == 1
    Trained(network, architecture, SPEC, None, 0, 0, 0.0).save(tmp_path / "trained.pt")
    (batch,) = train.eval_batches(4)
    torch.testing.assert_close(
        load_network(tmp_path / "trained.pt")(*batch.arguments), network.eval()(*batch.arguments)
    )


def test_without_the_spelling_of_the_words_there_are_none() -> None:
    train = replace(split_of(["glad"], ["sad"], labels=[0, 1]), spelling=None)
    with pytest.raises(ArchitectureError, match="char_ngrams: got 5, allowed for a vocabulary that does not tell"):
        build_network(Architecture(IDENTITY, SKELETON), SPEC, seed=0, train=train)


@pytest.mark.parametrize("longest", [1, 2, 7, -1])
def test_lengths_that_there_are_not(longest: int) -> None:
    with pytest.raises(ConfigError, match=f"char_ngrams: got {longest}, allowed: 0, 3, 4, 5, 6"):
        Skeleton(rank=1, char_ngrams=longest)


def test_images_have_none() -> None:
    spec = DataSpec("pictures", 2, 2, ("a", "b"), (1, 8, 8), (0.5,), (0.5,))
    with pytest.raises(ArchitectureError, match="char_ngrams: got 5, allowed for images: 0"):
        build_network(Architecture(IDENTITY, replace(SKELETON, rank=2)), spec, seed=0)


class Itos:
    """A vocabulary with torchtext's way to tell its words."""

    def __call__(self, tokens: list[str]) -> list[int]:
        return [WORDS.index(token) if token in WORDS else 1 for token in tokens]

    def __len__(self) -> int:
        return len(WORDS)

    def get_itos(self) -> list[str]:
        return list(WORDS)


LINES = ["sentence\tlabel", *["glad a\tgood", "sad a\tbad", "gladly glad\tgood", "sadly sad\tbad"] * 3]


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (TextParts(), {}),
        (TextParts(), {"tokens": "bpe", "vocabulary": 12}),
        (TextParts(tokenizer=str.split), {}),
        (TextParts(vocabulary=Itos()), {}),
    ],
    ids=["words", "bpe", "own tokenizer", "own vocabulary"],
)
def test_vocabularies_tell_their_words(parts: TextParts, text: dict[str, object], tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / f"{part}.tsv").write_text("\n".join(LINES))
    dataset = load_dataset(DataSettings("tsv", str(tmp_path), text=TextSettings(min_count=1, **text)), parts)
    assert isinstance(dataset.train, TextSplit) and dataset.encoding is not None
    words = dataset.encoding.encoder.words()
    assert len(words) == dataset.spec.vocabulary
    assert dataset.encoding.encoder.numbers_of(list(words)) == list(range(len(words)))
    assert dataset.train.spelling is not None and torch.equal(dataset.train.spelling, spell(words))
