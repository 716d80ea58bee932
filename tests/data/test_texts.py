"""Text data sets through their public face: files, tokens, word vectors, batches."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from neat_deep.base.errors import ConfigError, DataError, NeatDeepError, VectorError
from neat_deep.data import (
    Augmentation,
    Batch,
    Dataset,
    DataSettings,
    DataSpec,
    ImageSplit,
    TextParts,
    TextSettings,
    TextSplit,
    load_dataset,
    text_dataset,
)
from neat_deep.data.settings import TextSettings as Settings
from neat_deep.data.texts import imdb, sst2
from neat_deep.data.texts.tokens import encoder_from_json, make_encoder, split_words
from neat_deep.data.texts.torchtext_sets import source_from_pairs, source_from_parts, torchtext_source
from neat_deep.data.texts.torchtext_tokens import torchtext_tokenizer
from neat_deep.data.texts.vectors import WordVectors, read_vectors
from neat_deep.training.retraining import retraining_data
from neat_deep.training.settings import TrainingSettings
from tests.support.text_files import TEXT_SETS, rows, write_folder, write_imdb, write_sst2, write_tsv

SPEC = DataSpec("toy", 1, 2, ("a", "b"), (9,), (), (), vocabulary=1000)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def toy_split(lengths: Sequence[int]) -> TextSplit:
    """Texts of these lengths; text number n holds nothing but the token n + 2."""
    long = torch.tensor(lengths)
    tokens = torch.arange(2, len(lengths) + 2).repeat_interleave(long).int()
    return TextSplit(tokens, long, torch.arange(len(lengths)) % 2, SPEC)


def load(root: Path, dataset: str = "tsv", **settings: Any) -> Dataset:
    return load_dataset(DataSettings(dataset, str(root), **settings))


# --- batches ---------------------------------------------------------------------------------------------------


def numbers(batch: Batch) -> list[int]:
    """Which texts of a toy split a batch holds."""
    return (batch.inputs[:, 0] - 2).tolist()


def check_padding(batch: Batch, lengths: Sequence[int]) -> None:
    assert batch.mask is not None and batch.inputs.shape == batch.mask.shape
    long = torch.tensor([lengths[number] for number in numbers(batch)])
    assert torch.equal(batch.mask, torch.arange(batch.mask.shape[1]) < long[:, None])  # on the right only
    assert batch.mask.any(0).all()  # no longer than the longest
    assert torch.equal(batch.inputs * ~batch.mask, torch.zeros_like(batch.inputs))
    assert torch.equal(batch.labels, torch.tensor(numbers(batch)) % 2)


def random_lengths(count: int, seed: int = 0) -> list[int]:
    return torch.randint(1, 40, (count,), generator=seeded(seed)).tolist()


@pytest.mark.parametrize(("count", "batch_size"), [(70, 16), (65, 16), (5, 16), (400, 4), (2, 2), (3, 2)])
def test_training_batches_hold_each_text_once(count: int, batch_size: int) -> None:
    lengths = random_lengths(count)
    batches = list(toy_split(lengths).train_batches(batch_size, seeded()))
    assert sorted(number for batch in batches for number in numbers(batch)) == list(range(count))
    assert all(len(batch.labels) > 1 for batch in batches)
    for batch in batches:
        check_padding(batch, lengths)


def test_batches_are_of_one_length_and_in_no_order_of_it() -> None:
    lengths = random_lengths(2000)
    batches = list(toy_split_of_many(lengths).train_batches(20, seeded()))
    padded = sum(batch.inputs.numel() for batch in batches)
    assert padded < 1.15 * sum(lengths)  # at random they would be filled to about twice that
    longest = [batch.inputs.shape[1] for batch in batches]
    assert longest != sorted(longest) and longest != sorted(longest, reverse=True)


def toy_split_of_many(lengths: Sequence[int]) -> TextSplit:
    return TextSplit(
        torch.ones(sum(lengths), dtype=torch.int32), torch.tensor(lengths), torch.arange(len(lengths)) % 2, SPEC
    )


def test_the_generator_decides_the_batches() -> None:
    split = toy_split(random_lengths(100))

    def order(seed: int) -> list[list[int]]:
        return [numbers(batch) for batch in split.train_batches(8, seeded(seed))]

    torch.manual_seed(1)
    assert order(3) == order(3)
    assert order(3) != order(4)


def test_evaluation_holds_each_text_once_and_bounds_the_tokens() -> None:
    lengths = [3, 40_000, 1, 39_000, 7]
    batches = list(toy_split(lengths).eval_batches(4))
    assert [numbers(batch) for batch in batches] == [[2, 0, 4], [3], [1]]
    for batch in batches:
        check_padding(batch, lengths)


def test_subset_and_join_keep_texts_and_labels() -> None:
    lengths = random_lengths(30)
    split = toy_split(lengths)
    part = split.subset(torch.tensor([7, 2, 29]))
    assert part.lengths.tolist() == [lengths[7], lengths[2], lengths[29]]
    assert part.labels.tolist() == [1, 0, 1]
    assert part.tokens.unique_consecutive().tolist() == [9, 4, 31]
    both = part.join(split.subset(torch.tensor([0, 1])))
    assert both.tokens.unique_consecutive().tolist() == [9, 4, 31, 2, 3]
    batches = list(both.eval_batches(2))
    assert sorted(number for batch in batches for number in numbers(batch)) == [0, 1, 2, 7, 29]
    for batch in batches:
        check_padding(batch, lengths)


def test_word_dropout_hides_its_share_and_spares_evaluation() -> None:
    split = toy_split(random_lengths(900, 1))
    seen: list[Tensor] = []
    for batch in split.train_batches(64, seeded(), Augmentation(word_dropout=0.3)):
        assert batch.mask is not None
        assert (batch.inputs[~batch.mask] == 0).all()
        seen.append(batch.inputs[batch.mask])
    share = (torch.cat(seen) == split.unknown).float().mean().item()
    assert share == pytest.approx(0.3, abs=0.02)
    assert all((batch.inputs != split.unknown).all() for batch in split.eval_batches(64))


def test_token_cutoff_takes_its_share_out_and_closes_the_text() -> None:
    lengths = random_lengths(900, 1)
    split = toy_split(lengths)
    left = 0
    for batch in split.train_batches(64, seeded(), Augmentation(token_cutoff=0.3)):
        assert batch.mask is not None
        assert batch.mask[:, 0].all() and (batch.mask[:, 1:] <= batch.mask[:, :-1]).all()  # no text is empty, no holes
        assert (batch.inputs[~batch.mask] == 0).all() and batch.mask.any(0).all()
        left += int(batch.mask.sum())
    assert left / sum(lengths) == pytest.approx(0.7, abs=0.02)


def test_token_cutoff_keeps_the_order_of_what_is_left() -> None:
    spec = replace(toy_split([1]).spec, vocabulary=10)
    split = TextSplit(torch.arange(10).repeat(8), torch.full((8,), 10), torch.arange(8) % 2, spec)
    (batch,) = split.train_batches(8, seeded(), Augmentation(token_cutoff=0.5))
    assert batch.mask is not None
    for text, mask in zip(batch.inputs, batch.mask, strict=True):
        kept = text[mask].tolist()
        assert kept == sorted(set(kept)) and kept


def test_augmentation_must_suit_the_examples() -> None:
    with pytest.raises(ConfigError, match="shift: got 2, allowed: 0; it changes images only"):
        toy_split([2, 3]).train_batches(2, seeded(), Augmentation(shift=2))
    spec = DataSpec("toy", 2, 2, ("a", "b"), (1, 4, 4), (0.5,), (0.5,))
    pictures = ImageSplit(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]), spec)
    with pytest.raises(ConfigError, match="word_dropout: got 0.1, allowed: 0.0; it changes texts only"):
        pictures.train_batches(2, seeded(), Augmentation(word_dropout=0.1))


@pytest.mark.parametrize(
    ("tokens", "lengths", "labels", "message"),
    [
        ([2, 3], [2, 0], [0, 1], "texts of toy: allowed: 1 or more, each with 1 token or more"),
        ([], [], [], "texts of toy: allowed: 1 or more"),
        ([2, 3], [2, 1], [0, 1], "texts of toy: got 2 tokens, lengths say 3"),
        ([2, 1000], [1, 1], [0, 1], "tokens of toy: got 2 to 1000, allowed: 0 to 999"),
        ([2, 3], [1, 1], [0, 2], "labels of toy: got 0 to 2, allowed: 0 to 1"),
        ([2, 3], [1, 1], [0], r"labels of toy: got torch.int64 of shape \(1,\), allowed: torch.int64 of shape \(2,\)"),
    ],
)
def test_parts_that_do_not_fit(tokens: list[int], lengths: list[int], labels: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        TextSplit(torch.tensor(tokens), torch.tensor(lengths), torch.tensor(labels, dtype=torch.int64), SPEC)


@pytest.mark.parametrize("read", ["train", "eval"])
def test_batch_size_must_be_positive(read: str) -> None:
    split = toy_split([1, 2])
    with pytest.raises(ConfigError, match="batch_size: got 0, allowed: 1 or more"):
        split.train_batches(0, seeded()) if read == "train" else split.eval_batches(0)


# --- the kinds of data set -------------------------------------------------------------------------------------


@pytest.fixture
def filled_root(tmp_path: Path) -> Path:
    """A folder in which every text data set can be read."""
    return write_folder(write_imdb(write_sst2(tmp_path), 60))


@pytest.mark.parametrize("name", sorted(TEXT_SETS))
def test_every_text_set_keeps_the_promises(name: str, filled_root: Path) -> None:
    dataset, again = load(filled_root, name), load(filled_root, name)
    spec, test = dataset.spec, dataset.read_test()
    assert (spec.name, spec.rank, spec.num_classes, spec.vector_size) == (name, 1, 2, 0)
    assert again.spec == spec
    assert len(dataset.train_and_validation()) == len(dataset.train) + len(dataset.validation)
    for split in (dataset.train, dataset.validation, test):
        assert split.labels.unique().tolist() == [0, 1]
        batch = next(split.eval_batches(4))
        assert batch.mask is not None and batch.mask.shape == batch.inputs.shape == (4, batch.inputs.shape[1])
    assert torch.equal(again.train.tokens, dataset.train.tokens)  # type: ignore[attr-defined]
    # A data set can travel to another process.
    assert len(pickle.loads(pickle.dumps(dataset)).read_test()) == len(test)  # noqa: S301  our own bytes


def test_sst2_validates_on_dev(tmp_path: Path) -> None:
    dataset = load(write_sst2(tmp_path), "sst2")
    assert (len(dataset.train), len(dataset.validation), len(dataset.read_test())) == (96, 40, 60)
    assert dataset.spec.class_names == ("negative", "positive")
    assert dataset.spec.shape == (int(dataset.train.lengths.max()),)  # type: ignore[attr-defined]
    assert dataset.note == ""
    assert len(dataset.train_and_validation()) == 136


def test_a_validation_part_can_be_split_anew(tmp_path: Path) -> None:
    root = write_sst2(tmp_path)
    settings = DataSettings("sst2", str(root), validation=0.25, text=TextSettings(own_validation=False))
    dataset = load_dataset(settings)
    assert (len(dataset.train), len(dataset.validation), len(dataset.read_test())) == (102, 34, 60)
    assert dataset.train.digest() == load_dataset(settings).train.digest()
    assert dataset.train.digest() != load_dataset(replace(settings, split_seed=1)).train.digest()


@pytest.mark.parametrize("name", sorted(TEXT_SETS))
def test_the_digest_tells_texts_apart(name: str, filled_root: Path) -> None:
    split = load(filled_root, name).train
    assert isinstance(split, TextSplit)
    last = split.tokens.clone()
    last[-1] = (last[-1] + 1) % split.spec.vocabulary  # far behind the first texts
    moved = split.lengths.clone()
    longest = int(moved.argmax())
    moved[longest] -= 1
    moved[(longest + 1) % len(moved)] += 1
    others = [replace(split, tokens=last), replace(split, lengths=moved), replace(split, labels=1 - split.labels)]
    assert len({split.digest(), *(other.digest() for other in others)}) == 4


def test_a_test_text_without_tokens_is_met_at_once(tmp_path: Path) -> None:
    def tokenizer(text: str) -> list[str]:
        return [] if text == "silent" else text.split()

    write_tsv(write_folder(tmp_path) / "test.tsv", [("good", "1"), ("silent", "0")])
    with pytest.raises(DataError, match="test.tsv:3: the tokenizer finds no token in 'silent'"):
        load_parts(tmp_path, TextParts(tokenizer))


@pytest.mark.parametrize("name", sorted(TEXT_SETS))
def test_retraining_knows_the_words_of_all_that_is_not_for_testing(name: str, filled_root: Path) -> None:
    text = TextSettings(own_validation=False, min_count=1)
    dataset = load_dataset(DataSettings(name, str(filled_root), validation=0.97, text=text))
    everything = dataset.for_retraining()
    assert len(everything.train) == len(dataset.train) + len(dataset.validation)
    assert torch.equal(everything.train.labels, dataset.train_and_validation().labels)
    assert everything.spec.vocabulary > dataset.spec.vocabulary
    assert isinstance(everything.train, TextSplit)
    assert (everything.train.tokens != everything.train.unknown).all()
    assert len(everything.read_test()) == len(dataset.read_test())
    assert everything.encoding is not None and dataset.encoding is not None
    assert everything.encoding.encoder.size == everything.spec.vocabulary != dataset.encoding.encoder.size


def test_texts_are_tokenised_once_for_any_number_of_retrainings(tmp_path: Path) -> None:
    read: list[str] = []

    def tokenizer(text: str) -> list[str]:
        read.append(text)
        return text.split()

    dataset = load_parts(write_folder(tmp_path), TextParts(tokenizer))
    dataset.for_retraining()
    once = len(read)
    dataset.for_retraining()
    assert len(read) == once


@pytest.mark.parametrize("name", ["digits", "sst2"])
def test_what_retrains_is_made_from_it_once_more_the_same(name: str, filled_root: Path) -> None:
    whole = load_dataset(DataSettings(name, str(filled_root))).for_retraining()
    assert len(whole.for_retraining().train) == len(whole.train)
    with pytest.raises(ConfigError, match="early_stopping: got 2, allowed for a data set whose validation part trains"):
        retraining_data(whole, TrainingSettings(early_stopping=2))


@pytest.mark.parametrize("kind", ["word", "bpe"])
@pytest.mark.parametrize("most", [3, 10, 40])
def test_no_vocabulary_is_larger_than_asked_for(kind: str, most: int, tmp_path: Path) -> None:
    text = TextSettings(kind, vocabulary=most, min_count=1)
    loaded = [load(write_folder(tmp_path), text=text) for _ in range(4)]
    assert loaded[0].spec.vocabulary <= most
    assert len({dataset.train.digest() for dataset in loaded}) == 1


def test_a_large_alphabet_is_cut_the_same_each_time(tmp_path: Path) -> None:
    signs = [chr(0x4E00 + number) for number in range(300)]  # as many as there are texts, each as common
    write_tsv(tmp_path / "train.tsv", [("".join(signs[n : n + 5]), str(n % 2)) for n in range(296)])
    write_tsv(tmp_path / "test.tsv", [("".join(signs), "0"), (signs[7], "1")])
    text = TextSettings("bpe", vocabulary=200, min_count=1)
    digests = {load(tmp_path, text=text).read_test().digest() for _ in range(6)}
    assert len(digests) == 1
    assert load(tmp_path, text=text).spec.vocabulary <= 200


def test_a_class_of_one_text_cannot_be_split_anew(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    (root / "train.tsv").write_bytes(HEADER + ROW * 3 + b"odd\t2\n")
    write_tsv(root / "dev.tsv", rows(20, 5))
    with pytest.raises(DataError, match="train.tsv:8: texts of class '2': got 1, allowed: 2 or more"):
        load(root, text=TextSettings(own_validation=False))


def test_glue_publishes_no_test_labels(tmp_path: Path) -> None:
    write_sst2(tmp_path)
    write_tsv(tmp_path / "SST-2" / "test.tsv", [("0", "a film"), ("1", "another")], header="index\tsentence")
    dataset = load(tmp_path, "sst2", validation=0.25)
    assert (len(dataset.train), len(dataset.validation), len(dataset.read_test())) == (72, 24, 40)
    assert "dev.tsv is the test set, validation is split from train" in dataset.note


def test_tsv_takes_any_labels_and_splits_what_has_no_dev(tmp_path: Path) -> None:
    texts = [(f"a sentence about {name}", name) for name in ("sports", "art", "2", "10") for _ in range(5)]
    write_tsv(tmp_path / "train.tsv", texts)
    write_tsv(tmp_path / "test.tsv", [("one on art", "art"), ("one on sports", "sports")])
    dataset = load(tmp_path, validation=0.2)
    assert dataset.spec.class_names == ("2", "10", "art", "sports")
    assert (len(dataset.train), len(dataset.validation)) == (16, 4)
    assert dataset.read_test().labels.tolist() == [2, 3]
    write_tsv(tmp_path / "dev.tsv", [("again on art", "art")])
    assert len(load(tmp_path).validation) == 1


def test_imdb_reads_a_file_a_review(tmp_path: Path) -> None:
    dataset = load(write_imdb(tmp_path), "imdb", validation=0.2, text=TextSettings(min_count=1))
    assert (len(dataset.train), len(dataset.validation), len(dataset.read_test())) == (16, 4, 20)
    assert dataset.read_test().labels.tolist() == [0] * 10 + [1] * 10
    words = load(tmp_path, "imdb", text=TextSettings(min_count=1, vocabulary=100)).spec.vocabulary
    assert words < 30  # no `br` and no signs among them: the text holds 20 words


def test_a_limit_keeps_both_parts_shares(tmp_path: Path) -> None:
    dataset = load(write_sst2(tmp_path), "sst2", train_limit=34)
    assert (len(dataset.train), len(dataset.validation), len(dataset.read_test())) == (24, 10, 60)
    with pytest.raises(ConfigError, match="train_limit: got 3, allowed: 4 or more"):
        load(tmp_path, "sst2", train_limit=3)


def test_carriage_returns_and_byte_order_marks_are_no_text(tmp_path: Path) -> None:
    write_folder(tmp_path)
    plain = load(tmp_path).train
    for name in ("train.tsv", "test.tsv"):
        content = (tmp_path / name).read_bytes().replace(b"\n", b"\r\n")
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + content)
    assert torch.equal(load(tmp_path).train.tokens, plain.tokens)  # type: ignore[attr-defined]


def spoil(path: str, content: bytes, **more: bytes) -> Any:
    """A change of the good files: `path` gets other content."""

    def change(root: Path) -> None:
        (root / path).write_bytes(content)

    return change


HEADER = b"sentence\tlabel\n"
ROW = b"good film\t1\nbad film\t0\n"
SWAPPED = "".join(f"{number % 2}\tfilm {number}\n" for number in range(200)).encode()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: shutil.rmtree(root), "no folder .*; a folder of texts is laid out as <root>/train.tsv and"),
        (lambda root: (root / "train.tsv").unlink(), "cannot read .*/train.tsv: No such file"),
        (lambda root: (root / "test.tsv").unlink(), "cannot read .*/test.tsv: No such file"),
        (spoil("train.tsv", b""), "train.tsv:1: got '', allowed: the header 'sentence<TAB>label'"),
        (spoil("train.tsv", ROW), "train.tsv:1: got 'good film<TAB>1', allowed: the header"),
        (spoil("train.tsv", HEADER), "train.tsv:2: the file holds no sentence, only its header"),
        (spoil("train.tsv", HEADER + ROW + b"\t1\n"), "train.tsv:4: the sentence is empty"),
        (spoil("train.tsv", HEADER + ROW + b"film\t \n"), "train.tsv:4: the label is empty"),
        (spoil("train.tsv", HEADER + ROW + b"film 1\n"), "train.tsv:4: got 1 fields, allowed: 2 fields"),
        (spoil("train.tsv", HEADER + ROW + b"a\tb\t1\n"), "train.tsv:4: got 3 fields, allowed: 2 fields"),
        (spoil("train.tsv", HEADER + b"\n" + ROW), "train.tsv:2: got an empty line, allowed: 2 fields"),
        (spoil("train.tsv", HEADER + ROW + b"caf\xe9\t1\n"), r"train.tsv:4: not UTF-8 text \(byte 3 of the line\)"),
        (spoil("train.tsv", HEADER + b"a\t1\nb\t1\n"), "train.tsv:2: classes: got '1' in this line and in all"),
        (
            spoil("train.tsv", HEADER + b"a\t0\n" + ROW),
            "train.tsv:3: sentences of class '1': got 1, allowed: 2 or more",
        ),
        (
            spoil("train.tsv", HEADER + SWAPPED),
            "train.tsv:2: sentences of class 'film 0': got 1, .* are these labels\\?",
        ),
        (spoil("test.tsv", HEADER + SWAPPED), "test.tsv:2: label: got 'film 0', allowed: those of .*train.tsv: 0, 1$"),
        (
            spoil("train.tsv", HEADER + SWAPPED * 2),
            r"label: got '0', allowed: .*: film 0, film 1, .*film 106 and 190 more",
        ),
        (spoil("test.tsv", HEADER + ROW + b"film\t2\n"), "test.tsv:4: label: got '2', allowed: those of .*train.tsv"),
        (spoil("dev.tsv", HEADER + b"film\tx\n"), "dev.tsv:2: label: got 'x', allowed: those of .*train.tsv: 0, 1"),
        (spoil("test.tsv", HEADER + b"\xff\n"), "test.tsv:2: not UTF-8 text"),
    ],
)
def test_broken_files_name_the_line(change: Any, message: str, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "texts")
    change(root)
    with pytest.raises(DataError, match=message):
        load(root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            spoil("SST-2/train.tsv", HEADER + ROW + b"film\t2\n"),
            "train.tsv:4: label: got '2', allowed: 0 .neg",
        ),
        (lambda root: (root / "SST-2" / "dev.tsv").unlink(), "no file .*SST-2/dev.tsv; remove .*SST-2 to download it"),
        (spoil("SST-2/train.tsv", HEADER + ROW * 2 + b"film\tx\n"), "train.tsv:6: label: got 'x', allowed: 0"),
        (spoil("SST-2/test.tsv", b"review\n"), "test.tsv:1: got 'review', allowed: the header"),
    ],
)
def test_broken_sst2(change: Any, message: str, tmp_path: Path) -> None:
    change(write_sst2(tmp_path))
    with pytest.raises(DataError, match=message):
        load(tmp_path, "sst2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (spoil("aclImdb/train/neg/0_5.txt", b" <br />"), "train/neg/0_5.txt:1: the review is empty"),
        (spoil("aclImdb/test/pos/1_5.txt", b"a\nb\xff"), "test/pos/1_5.txt:2: not UTF-8 text"),
        (lambda root: shutil.rmtree(root / "aclImdb" / "test"), r"test/neg: reviews .*: got 0, allowed: 1 or more"),
    ],
)
def test_broken_imdb(change: Any, message: str, tmp_path: Path) -> None:
    change(write_imdb(tmp_path))
    with pytest.raises(DataError, match=message):
        load(tmp_path, "imdb")


@pytest.mark.parametrize("name", ["sst2", "imdb"])
def test_archives_that_lie_there_are_unpacked_if_their_checksum_is_right(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, root = tmp_path / "made", tmp_path / "root"
    root.mkdir()
    module, archive = {"sst2": (sst2, "SST-2.zip"), "imdb": (imdb, "aclImdb_v1.tar.gz")}[name]
    folder = (write_sst2(made) / "SST-2") if name == "sst2" else (write_imdb(made) / "aclImdb")
    kind = "zip" if name == "sst2" else "gztar"
    shutil.make_archive(str(root / archive.removesuffix(".zip").removesuffix(".tar.gz")), kind, made, folder.name)
    monkeypatch.setattr(module, "URL", "http://127.0.0.1:9/" + archive)
    with pytest.raises(DataError, match=rf"cannot download {archive} .*Put the folder {folder.name} \(or its archive"):
        load(root, name)
    monkeypatch.setattr(module, "MD5", hashlib.md5((root / archive).read_bytes()).hexdigest())
    assert len(load(root, name).read_test()) > 0


# --- tokens ----------------------------------------------------------------------------------------------------


def test_negation_stays_whole() -> None:
    text = "It's NOT that I didn't like the well-made film; it does n't say \u2018no\u2019 -- they\u2019re fine"
    words = "It's NOT that I didn't like the well - made film ; it does n't say \u2018 no \u2019 - - they\u2019re fine"
    assert split_words(text) == words.split()
    encoder = make_encoder([text, text], Settings())
    numbers_of = encoder.numbers_of([word.lower() for word in split_words(text)])
    assert encoder.encode([text]) == [list(numbers_of)]  # the default cuts words where `split_words` does
    assert encoder.unknown not in numbers_of


def test_no_stop_words_are_lost(tmp_path: Path) -> None:
    dataset = load(write_folder(tmp_path), text=TextSettings(min_count=1))
    train = dataset.train
    assert isinstance(train, TextSplit)
    assert len(train.tokens) == int(train.lengths.sum())
    assert not (train.tokens == train.unknown).any()


@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_tokens_come_from_the_training_part_alone_and_repeat(kind: str, tmp_path: Path) -> None:
    write_folder(tmp_path)
    write_tsv(tmp_path / "dev.tsv", [("zyzzyva zyzzyva", "1"), ("qwx qwx", "0")])
    settings = TextSettings(kind, min_count=1, vocabulary=60)
    one, two = load(tmp_path, text=settings), load(tmp_path, text=settings)
    assert torch.equal(one.train.tokens, two.train.tokens)  # type: ignore[attr-defined]
    assert one.spec.vocabulary <= 60
    validation = one.validation
    assert isinstance(validation, TextSplit)
    if kind == "word":
        assert (validation.tokens == validation.unknown).all()
        assert validation.lengths.tolist() == [2, 2]
    else:
        assert (validation.lengths > 2).all()  # pieces of words


def test_rare_words_are_unknown_and_long_texts_are_cut(tmp_path: Path) -> None:
    write_folder(tmp_path)
    long = [("one two two three three three", str(i % 2)) for i in range(4)]
    write_tsv(tmp_path / "train.tsv", [*long, ("once", "1")])
    train = load(tmp_path, validation=0.1, text=TextSettings(min_count=2, max_length=4)).train
    assert isinstance(train, TextSplit)
    assert int(train.lengths.max()) == 4
    assert load(tmp_path, text=TextSettings(min_count=5)).spec.vocabulary < load(tmp_path).spec.vocabulary
    assert load(tmp_path, text=TextSettings(vocabulary=4)).spec.vocabulary == 4


def test_case_is_kept_where_asked() -> None:
    texts = ["Good good GOOD"] * 2
    assert len(set(make_encoder(texts, Settings(lowercase=False)).encode(texts)[0])) == 3
    assert len(set(make_encoder(texts, Settings()).encode(texts)[0])) == 1


class Letters:
    """A vocabulary of a caller's own: letters by the alphabet, 26 for what is none."""

    def __call__(self, tokens: list[str]) -> list[int]:
        return ["abcdefghijklmnopqrstuvwxyz".find(token) % 27 for token in tokens]

    def __len__(self) -> int:
        return 27


def load_parts(root: Path, parts: TextParts, **text: Any) -> Dataset:
    return load_dataset(DataSettings("tsv", str(root), text=TextSettings(**text)), parts)


def test_any_callables_can_stand_in(tmp_path: Path) -> None:
    write_folder(tmp_path)
    own = load_parts(tmp_path, TextParts(tokenizer=list, vocabulary=Letters()))
    train = own.train
    assert isinstance(train, TextSplit)
    assert (own.spec.vocabulary, train.unknown) == (27, 26)
    assert int(train.tokens.max()) == 26  # spaces
    words = load_parts(tmp_path, TextParts(tokenizer=str.split), min_count=1)
    assert torch.equal(words.train.lengths, load(tmp_path, text=TextSettings(min_count=1)).train.lengths)  # type: ignore[attr-defined]
    only_letters = load_parts(tmp_path, TextParts(vocabulary=Letters()))
    assert only_letters.spec.vocabulary == 27


class Forgetful(Letters):
    def __call__(self, tokens: list[str]) -> list[int]:
        return [{"a": 0}[token] for token in tokens]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (TextParts(vocabulary=Forgetful()), "vocabulary: got no number for a token that it does not know"),
        (TextParts(tokenizer=lambda text: []), r"train.tsv:2: the tokenizer finds no token in '"),
        (TextParts(vectors=WordVectors(["zyx"], torch.ones(1, 3))), "vectors: got 1 words, none of them in the vocab"),
    ],
)
def test_parts_that_do_not_work(parts: TextParts, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        load_parts(write_folder(tmp_path), parts)


def test_images_take_no_parts() -> None:
    with pytest.raises(ConfigError, match="parts: got some for 'digits', allowed: for data sets of texts"):
        load_dataset(DataSettings("digits"), TextParts())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tokens": "words"}, "tokens: got 'words', allowed: word, bpe, torchtext"),
        ({"vocabulary": 2}, "vocabulary: got 2, allowed: 3 to"),
        ({"min_count": 0}, "min_count: got 0, allowed: 1 or more"),
        ({"max_length": 0}, "max_length: got 0, allowed: 1 to"),
        ({"tokens": "bpe", "vectors": "x"}, "vectors: they belong to whole words"),
        (
            {"vector_subwords": True, "vectors": "x", "tokens": "torchtext"},
            "vector_subwords: got True, allowed",
        ),
        ({"vector_words": -1}, "vector_words: got -1, allowed: 0 to"),
        ({"vector_words": 9, "vectors": "x", "tokens": "torchtext"}, "vector_words: got 9, allowed .* torchtext: 0"),
        ({"vector_words": 9, "tokens": "bpe"}, "vector_words: got 9, allowed with tokens = bpe: 0"),
        ({"tokens": "torchtext", "lowercase": False}, "lowercase: got False, allowed with tokens = torchtext: True"),
    ],
)
def test_bad_text_settings(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TextSettings(**values)


# --- word vectors ----------------------------------------------------------------------------------------------


def with_vectors(tmp_path: Path, content: str | bytes, **settings: Any) -> Dataset:
    file = tmp_path / "vectors.txt"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return load(write_folder(tmp_path), text=TextSettings(vectors=str(file), **settings))


def test_vectors_initialise_the_embedding(tmp_path: Path) -> None:
    dataset = with_vectors(tmp_path, "good 1 2 3\nunheard 7 8 9\n. . 5 5 5\nbad -1 0.5 1e-1\nbad 4 4 4\n")
    assert dataset.vectors is not None
    assert dataset.spec.vector_size == 3
    assert dataset.vectors.shape == (dataset.spec.vocabulary, 3)
    for vector in ([1, 2, 3], [-1, 0.5, 0.1]):
        assert (dataset.vectors == torch.tensor(vector)).all(1).sum() == 1
    assert not (dataset.vectors == 7).any() and not (dataset.vectors == 4).any()
    again = with_vectors(tmp_path, "good 1 2 3 \nunheard 7 8 9 \n. . 5 5 5 \nbad -1 0.5 1e-1 \n")
    assert again.vectors is not None and torch.equal(again.vectors, dataset.vectors)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("good 1 2 3\nbad 1 2\n", "vectors.txt:2: got 2 numbers, allowed: a word and 3 numbers, as in the first line"),
        ("good 1 2 3\n\nbad 1 2 3\n", "vectors.txt:2: got 0 numbers"),
        ("good 1 2\nbad 1 2 3\n", "txt:2: got more than 2 numbers, but .*txt:1 has 2; .* so one of the two is wrong"),
        ("good 1 1e39 2\n", "vectors.txt:1: got 'good 1 1e39 2', allowed: numbers that float32 can hold"),
        ("good 1 2 3\nbad 1 two 3\n", "vectors.txt:2: got 'bad 1 two 3', allowed: a word and 3 numbers"),
        ("good 1 2 nan\n", "vectors.txt:1: got 'good 1 2 nan', allowed: numbers that float32 can hold"),
        ("400000 300\n", "vectors.txt:1: got '400000 300', allowed: a word and 2 numbers or more .* word2vec"),
        ("", "vectors.txt: none of its words is in the vocabulary"),
        ("zyx 1 2\n", "vectors.txt: none of its words is in the vocabulary"),
        (b"good 1 2\nb\xe9 1 2\n", "vectors.txt:2: not UTF-8 text"),
    ],
)
def test_broken_vector_files_name_the_line(content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(VectorError, match=message):
        with_vectors(tmp_path, content)


def test_words_that_only_the_vector_file_has_can_be_known_too(tmp_path: Path) -> None:
    content = "good 1 2\nunheard 7 8\nnew york 3 3\nbad 0 1\nunheard 6 6\nunseen 9 9\nunsaid 5 5\n"
    plain, wider = with_vectors(tmp_path, content), with_vectors(tmp_path, content, vector_words=2)
    assert wider.spec.vocabulary == plain.spec.vocabulary + 2
    assert wider.encoding is not None and wider.vectors is not None
    unheard, unseen, unsaid, york = wider.encoding.encode(["unheard", "unseen", "unsaid", "new york"])
    assert wider.vectors[unheard].tolist() == [[7, 8]] and wider.vectors[unseen].tolist() == [[9, 9]]
    assert unsaid == [1] and york == [1, 1]  # behind the first two; and no one token
    assert wider.encoding.encode(["good"]) == plain.encoding.encode(["good"])  # type: ignore[union-attr]
    reread = encoder_from_json(wider.encoding.encoder.to_json())
    assert reread.encode(["an unheard good"]) == wider.encoding.encode(["an unheard good"])


def test_words_to_learn_are_those_that_a_text_can_hold(tmp_path: Path) -> None:
    """What the tokenizer would change, and the tokens that stand for no word, take no place."""
    lines = [
        "good 1 2",
        "<unk> 4 4",
        "<pad> 4 4",
        "Berlin 3 3",
        "cafe\u0301 3 3",
        "york\u00a0 3 3",
        "berlin 8 8",
        "paris 9 9",
    ]
    wider = with_vectors(tmp_path, "".join(f"{line}\n" for line in lines), vector_words=1, lowercase=True)
    assert wider.encoding is not None and wider.vectors is not None
    berlin, capital, paris, unknown = wider.encoding.encode(["berlin", "Berlin", "paris", "<unk>"])
    assert berlin == capital == [wider.spec.vocabulary - 1]
    assert wider.vectors[berlin].tolist() == [[8, 8]]
    assert paris == [1] and 1 not in berlin
    assert [4.0, 4.0] not in wider.vectors.tolist() and unknown


def test_words_are_learnt_beside_pieces_of_words_and_for_the_final_training(tmp_path: Path) -> None:
    content = "good 1 2\nbad 0 1\nunheard 7 8\n"
    wider = with_vectors(tmp_path, content, vector_words=500, vector_subwords=True)
    whole = wider.for_retraining()
    for dataset in (wider, whole):
        assert dataset.encoding is not None and dataset.vectors is not None
        (unheard,) = dataset.encoding.encode(["unheard"])
        assert dataset.vectors[unheard].tolist() == [[7, 8]]
        assert len(dataset.vectors) == dataset.spec.vocabulary
    assert with_vectors(tmp_path, content, vector_words=1).spec.vocabulary == wider.spec.vocabulary


@pytest.mark.parametrize(("key", "value", "allowed"), [("words", 5, "0"), ("subwords", True, "False")])
def test_what_needs_vectors_says_so(key: str, value: Any, allowed: str, tmp_path: Path) -> None:
    """Where none are given; a caller's own vectors may lend theirs to words from pieces."""
    folder = write_folder(tmp_path)
    with pytest.raises(ConfigError, match=f"text_vector_{key}: got {value}, allowed without text_vectors: {allowed}"):
        load_parts(folder, TextParts(), **{f"vector_{key}": value})
    if key == "subwords":
        vectors = WordVectors(["good", "bad"], torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        assert load_parts(folder, TextParts(vectors=vectors), vector_subwords=True).vectors is not None


@pytest.mark.parametrize("values", [{"vectors": "x"}, {"vector_words": 3}, {"vector_subwords": True}])
def test_images_have_no_word_vectors(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="text_vector.*: got .*, allowed: with texts; 'digits' holds images"):
        DataSettings("digits", text=Settings(**values))


def test_a_vocabulary_of_ones_own_does_not_grow(tmp_path: Path) -> None:
    (tmp_path / "vectors.txt").write_text("good 1 2\n")
    settings = {"vectors": str(tmp_path / "vectors.txt"), "vector_words": 5}
    with pytest.raises(VectorError, match="vector_words: got 5, allowed for a vocabulary or tokenizer of one's own"):
        load_parts(write_folder(tmp_path), TextParts(tokenizer=str.split), **settings)


def test_a_vector_file_must_be_there(tmp_path: Path) -> None:
    encoder = make_encoder(["a a"], Settings())
    with pytest.raises(VectorError, match="cannot read .*absent.txt: No such file"):
        read_vectors(tmp_path / "absent.txt", encoder)


# --- torchtext -------------------------------------------------------------------------------------------------


def has_torchtext() -> bool:
    try:
        torchtext_tokenizer()
    except ConfigError:
        return False
    return True


needs_torchtext = pytest.mark.skipif(not has_torchtext(), reason="torchtext loads with torch 2.3 only")


@pytest.mark.skipif(torch.__version__.startswith("2.3."), reason="this torch is the one that torchtext wants")
def test_a_newer_torch_is_told_about(tmp_path: Path) -> None:
    version = torch.__version__.replace("+", r"\+")
    message = f"torchtext's last release, 0.18.0, loads only with torch 2.3, got torch {version}; install 'neat-deep"
    with pytest.raises(ConfigError, match=message):
        load(write_folder(tmp_path), text=TextSettings("torchtext"))


@needs_torchtext
def test_torchtext_tokenizer_and_vocabulary(tmp_path: Path) -> None:
    dataset = load(write_folder(tmp_path), text=TextSettings("torchtext", min_count=1))
    train = dataset.train
    assert isinstance(train, TextSplit)
    assert dataset.spec.vocabulary > 15
    assert train.unknown == 1


@needs_torchtext
def test_torchtext_parts_are_any_callables(tmp_path: Path) -> None:
    from torchtext.data import get_tokenizer
    from torchtext.vocab import Vectors, build_vocab_from_iterator

    tokenizer = get_tokenizer("basic_english")
    vocabulary = build_vocab_from_iterator([["good", "bad", "the"]], specials=["<unk>"])
    (tmp_path / "v.txt").write_text("good 1 2 3\nbad 3 4 5\nelse 5 6 7\n")
    vectors = Vectors("v.txt", cache=str(tmp_path))
    write_folder(tmp_path)
    with pytest.raises(DataError, match="torchtext's has set_default_index"):
        load_parts(tmp_path, TextParts(tokenizer, vocabulary, vectors))
    vocabulary.set_default_index(0)
    dataset = load_parts(tmp_path, TextParts(tokenizer, vocabulary, vectors))
    assert dataset.spec.vocabulary == 4
    assert dataset.vectors is not None
    assert dataset.vectors[vocabulary["bad"]].tolist() == [3, 4, 5]


@needs_torchtext
def test_torchtext_data_sets_are_pairs() -> None:
    from torchdata.datapipes.iter import IterableWrapper

    pairs = [(int(label) + 1, text) for text, label in rows(40, 0)]  # as torchtext's IMDB yields them
    source = source_from_pairs(IterableWrapper(pairs), IterableWrapper(pairs[:10]), "pairs")
    dataset = text_dataset(source, DataSettings("imdb", text=TextSettings("torchtext")))
    assert len(dataset.train) + len(dataset.validation) == 40
    assert len(dataset.read_test()) == 10


def test_pairs_come_either_way_round() -> None:
    pairs: list[Any] = [(text, int(label)) for text, label in rows(40, 0)]
    one = text_dataset(source_from_pairs(pairs, pairs[:9], "mine"), DataSettings("tsv"))
    two = text_dataset(source_from_pairs([p[::-1] for p in pairs], pairs, "mine"), DataSettings("tsv"))
    assert torch.equal(one.train.tokens, two.train.tokens)  # type: ignore[attr-defined]
    assert one.read_test().labels.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ([("a", 1), ("b",)], [], "mine, train, example 2: got .'b',., allowed: a whole number and a text"),
        ([("a", 1), ("b", 1)], [], "mine, train: classes: got 1, allowed: 2 or more"),
        ([("a", 1), ("b", 2)] * 4, [("c", 3)], "mine, test, example 1: label: got 3, allowed: 1, 2"),
    ],
)
def test_bad_pairs(train: list[Any], test: list[Any], message: str) -> None:
    with pytest.raises(NeatDeepError, match=message):
        text_dataset(source_from_pairs(train, test, "mine"), DataSettings("tsv")).read_test()


def parts_of(**parts: Any) -> Any:
    """Reads a data set of these parts; exceptions are raised, and what is missing raises as torchtext does."""

    def read(part: str) -> Any:
        if part not in parts:
            raise TypeError(f"{part} is no split")
        if isinstance(parts[part], Exception):
            raise parts[part]
        return iter(parts[part])

    return read


PAIRS = [(text, int(label)) for text, label in rows(20, 0)]


def test_dev_tests_where_test_has_no_labels() -> None:
    labelled = source_from_parts(parts_of(train=PAIRS, test=PAIRS[:4], dev=PAIRS[:6]), "SST2")
    assert (len(labelled.test.texts), labelled.note) == (4, "")
    for unlabelled in ([("a film",)] * 3, ["a film"] * 3):
        source = source_from_parts(parts_of(train=PAIRS, test=unlabelled, dev=PAIRS[:6]), "SST2")
        assert len(source.test.texts) == 6
        assert source.note == "the test part of SST2 has no labels: dev is the test set"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"train": ConnectionError("no\nroute")}, "SST2, train: cannot be read: ConnectionError: no route"),
        ({"train": PAIRS}, "SST2, test: cannot be read: TypeError: test is no split"),
        ({"train": PAIRS, "test": [("a",)]}, "SST2, dev: cannot be read: TypeError: dev is no split"),
        ({"train": PAIRS, "test": [("a",)], "dev": [("a", 7)]}, "SST2, dev, example 1: label: got 7, allowed: 0, 1"),
    ],
)
def test_parts_that_cannot_be_read(parts: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        source_from_parts(parts_of(**parts), "SST2")


@needs_torchtext
def test_torchtext_without_a_network_says_so(tmp_path: Path) -> None:
    pytest.importorskip("portalocker")
    with pytest.raises(DataError, match="torchtext's AG_NEWS, train: cannot be read: "):
        torchtext_source("AG_NEWS", str(tmp_path / "absent"))


# --- the real thing --------------------------------------------------------------------------------------------


@pytest.mark.real_data
@pytest.mark.skipif("NEAT_DEEP_DATA" not in os.environ, reason="NEAT_DEEP_DATA names no folder of data sets")
def test_the_real_sst2() -> None:
    dataset = load(Path(os.environ["NEAT_DEEP_DATA"]), "sst2")
    test = dataset.read_test()
    assert (len(dataset.train), len(dataset.validation), len(test)) == (6_920, 872, 1_821)
    assert dataset.train.labels.sum() == 3_610
    assert test.labels.sum() == 909
    assert isinstance(test, TextSplit)
    assert (test.tokens == test.unknown).float().mean() < 0.1


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.skipif("NEAT_DEEP_DATA" not in os.environ, reason="NEAT_DEEP_DATA names no folder of data sets")
def test_the_real_imdb() -> None:
    dataset = load(Path(os.environ["NEAT_DEEP_DATA"]), "imdb", text=TextSettings(max_length=400))
    test = dataset.read_test()
    assert (len(dataset.train), len(dataset.validation), len(test)) == (22_500, 2_500, 25_000)
    for split in (dataset.train_and_validation(), test):
        assert split.labels.sum() * 2 == len(split)
        assert isinstance(split, TextSplit) and split.lengths.max() == 400
        assert split.lengths.float().mean() > 200
