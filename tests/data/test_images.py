"""Data sets through their public face: splits, batches, and every kind of source with small files."""

from __future__ import annotations

import gzip
import hashlib
import os
import pickle
import socket
import struct
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.datasets import CIFAR10, MNIST, FashionMNIST

from neat_deep.base.errors import ConfigError, DataError, NeatDeepError, UnknownNameError
from neat_deep.data import (
    DATASETS,
    Augmentation,
    Batch,
    Dataset,
    DataSettings,
    DataSpec,
    ImageSplit,
    download,
    load_dataset,
    stratified_split,
    stratified_subset,
)
from neat_deep.data.images.image_files import check_images, read_images
from tests.support.text_files import TEXT_SETS

SPEC = DataSpec("toy", 2, 10, tuple("0123456789"), (3, 4, 5), mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 1.0))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def toy_split(count: int) -> ImageSplit:
    """Random images; the first pixel of each is its number."""
    images = torch.randint(0, 256, (count, *SPEC.shape), dtype=torch.uint8, generator=seeded(7))
    images[:, 0, 0, 0] = torch.arange(count, dtype=torch.uint8)
    return ImageSplit(images, torch.arange(count) % 10, SPEC)


def numbers(batch: Batch) -> list[int]:
    """Which images of a toy split a batch holds."""
    return (255 * (batch.inputs[:, 0, 0, 0] * SPEC.std[0] + SPEC.mean[0])).round().int().tolist()


# --- splits ----------------------------------------------------------------------------------------------------


def uneven_labels() -> Tensor:
    labels = torch.tensor([0] * 500 + [1] * 300 + [2] * 37 + [5] * 2)
    return labels[torch.randperm(len(labels), generator=seeded(3))]


@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.25, 0.5, 0.9, 0.999])
def test_split_is_complete_disjoint_and_keeps_shares(fraction: float) -> None:
    labels = uneven_labels()
    train, held_out = stratified_split(labels, fraction, seed=0)
    assert sorted([*train.tolist(), *held_out.tolist()]) == list(range(len(labels)))
    assert train.tolist() == sorted(train.tolist())
    for label in (0, 1, 2, 5):
        count = int((labels == label).sum())
        taken = int((labels[held_out] == label).sum())
        assert 1 <= taken <= count - 1
        assert abs(taken - fraction * count) <= 2  # a class of two takes one, whatever its share


def test_split_is_decided_by_the_seed_alone() -> None:
    labels = uneven_labels()
    first = stratified_split(labels, 0.2, seed=4)[1]
    torch.manual_seed(123)
    assert torch.equal(first, stratified_split(labels, 0.2, seed=4)[1])
    assert not torch.equal(first, stratified_split(labels, 0.2, seed=5)[1])


def test_split_takes_the_rounded_share_of_balanced_classes() -> None:
    labels = torch.arange(10).repeat_interleave(15)
    train, held_out = stratified_split(labels, 0.1, seed=0)
    assert (len(train), len(held_out)) == (135, 15)


@pytest.mark.parametrize("count", [4, 5, 100, 838])
def test_subset_has_the_count_and_every_class(count: int) -> None:
    labels = uneven_labels()
    subset = stratified_subset(labels, count, seed=1)
    assert len(subset) == len(set(subset.tolist())) == count
    assert labels[subset].unique().tolist() == [0, 1, 2, 5]
    assert torch.equal(subset, stratified_subset(labels, count, seed=1))
    assert abs(int((labels[subset] == 0).sum()) - count * 500 / 839) <= 2


@pytest.mark.parametrize("count", [839, 10_000])
def test_subset_of_all_is_all(count: int) -> None:
    assert stratified_subset(uneven_labels(), count, seed=1).tolist() == list(range(839))


def test_bad_splits() -> None:
    for fraction in (0.0, 1.0, -0.1, float("nan")):
        with pytest.raises(ConfigError, match=r"fraction: got .*, allowed: more than 0 and less than 1"):
            stratified_split(uneven_labels(), fraction, seed=0)
    with pytest.raises(DataError, match="class 7: got 1 example, allowed: 2 or more"):
        stratified_split(torch.tensor([0, 0, 0, 7]), 0.5, seed=0)
    with pytest.raises(DataError, match="subset of 3 examples, allowed: 4"):
        stratified_subset(uneven_labels(), 3, seed=0)


# --- batches ---------------------------------------------------------------------------------------------------


def test_eval_batches_come_in_order_normalised_and_complete() -> None:
    split = toy_split(25)
    batches = list(split.eval_batches(8))
    assert [len(batch.labels) for batch in batches] == [8, 8, 8, 1]
    assert torch.equal(torch.cat([batch.labels for batch in batches]), split.labels)
    mean, std = (torch.tensor(values)[:, None, None] for values in (SPEC.mean, SPEC.std))
    expected = (split.images.double() / 255 - mean) / std
    torch.testing.assert_close(torch.cat([batch.inputs for batch in batches]).double(), expected, atol=1e-5, rtol=0)
    assert all(batch.mask is None for batch in batches)


def test_batches_are_float32_in_channels_last() -> None:
    split = toy_split(20)
    for batch in [
        next(split.eval_batches(8)),
        *split.train_batches(8, seeded()),
        *split.train_batches(8, seeded(), Augmentation(shift=1, rotate=5.0)),
        *split.train_batches(8, seeded(), Augmentation(shift=1, flip=True, erase=2)),
    ]:
        assert batch.inputs.dtype == torch.float32
        assert batch.inputs.is_contiguous(memory_format=torch.channels_last)
        assert batch.labels.dtype == torch.int64


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [
        (24, 8, [8, 8, 8]),
        (26, 8, [8, 8, 8, 2]),
        (25, 8, [8, 8, 9]),  # one left over joins the batch before
        (9, 8, [9]),
        (5, 8, [5]),
        (1, 8, [1]),  # nothing to join
        (3, 1, [1, 1, 1]),  # as asked
    ],
)
def test_train_batches_hold_every_image_once(count: int, batch_size: int, sizes: list[int]) -> None:
    batches = list(toy_split(count).train_batches(batch_size, seeded()))
    assert [len(batch.labels) for batch in batches] == sizes
    met = [number for batch in batches for number in numbers(batch)]
    assert sorted(met) == list(range(count))
    assert [number % 10 for number in met] == torch.cat([batch.labels for batch in batches]).tolist()


def test_the_generator_decides_order_and_augmentation() -> None:
    split, augmentation = toy_split(50), Augmentation(shift=1, rotate=10.0, flip=True)

    def epoch(seed: int) -> Tensor:
        return torch.cat([batch.inputs for batch in split.train_batches(16, seeded(seed), augmentation)])

    first = epoch(1)
    torch.manual_seed(5)
    assert torch.equal(first, epoch(1))
    assert not torch.equal(first, epoch(2))
    generator = seeded(1)
    one, two = ([numbers(batch) for batch in split.train_batches(16, generator)] for _ in range(2))
    assert one != two  # each epoch in its own order


def test_augmented_batches_show_raw_black_outside_the_image() -> None:
    white = ImageSplit(torch.full((64, *SPEC.shape), 255, dtype=torch.uint8), torch.zeros(64, dtype=torch.int64), SPEC)
    for augmentation in (Augmentation(shift=2), Augmentation(shift=2, rotate=1e-6)):
        (batch,) = white.train_batches(64, seeded(), augmentation)
        for channel in range(3):
            values = batch.inputs[:, channel]
            assert values.min().item() == pytest.approx((0 - SPEC.mean[channel]) / SPEC.std[channel], abs=1e-3)
            assert values.max().item() == pytest.approx((1 - SPEC.mean[channel]) / SPEC.std[channel], abs=1e-3)
    torch.testing.assert_close(next(white.eval_batches(64)).inputs.amin(), ((1 - torch.tensor(0.3)) / 1.0))


def test_reading_batches_leaves_the_images_alone() -> None:
    split = toy_split(20)
    before = split.images.clone()
    list(split.train_batches(8, seeded(), Augmentation(erase=2)))
    list(split.eval_batches(8))
    assert torch.equal(split.images, before)


def test_subset_join_and_to_keep_images_and_labels_together() -> None:
    split = toy_split(30)
    picked = split.subset(torch.tensor([21, 3, 14]))
    assert numbers(next(picked.eval_batches(8))) == [21, 3, 14]
    assert picked.labels.tolist() == [1, 3, 4]
    joined = picked.join(split.subset(torch.tensor([0]))).to(torch.device("cpu"))
    assert len(joined) == 4
    assert numbers(next(joined.eval_batches(8))) == [21, 3, 14, 0]


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.zeros(4, 3, 4, 5), torch.zeros(4).long(), r"images of toy: got torch.float32 of shape \(4, 3, 4, 5\)"),
        (torch.zeros(4, 1, 4, 5).byte(), torch.zeros(4).long(), r"allowed: torch.uint8 of shape \('N', 3, 4, 5\)"),
        (torch.zeros(0, 3, 4, 5).byte(), torch.zeros(0).long(), "N 1 or more"),
        (torch.zeros(4, 3, 4, 5).byte(), torch.zeros(3).long(), r"labels of toy: got torch.int64 of shape \(3,\)"),
        (torch.zeros(4, 3, 4, 5).byte(), torch.zeros(4), "labels of toy: got torch.float32"),
        (torch.zeros(4, 3, 4, 5).byte(), torch.tensor([0, 1, 2, 10]), "labels of toy: got 0 to 10, allowed: 0 to 9"),
    ],
)
def test_images_and_labels_that_do_not_fit(images: Tensor, labels: Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ImageSplit(images, labels, SPEC)


def test_bad_batch_size_is_refused_before_the_first_batch() -> None:
    with pytest.raises(ConfigError, match="batch_size: got 0, allowed: 1 or more"):
        toy_split(4).train_batches(0, seeded())
    with pytest.raises(ConfigError, match="batch_size: got -1, allowed: 1 or more"):
        toy_split(4).eval_batches(-1)


# --- every data set --------------------------------------------------------------------------------------------

DIGIT_PIXELS = 28


def write_idx(path: Path, values: np.ndarray) -> None:
    header = np.array([0x0800 + values.ndim, *values.shape], dtype=">u4").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


def write_mnist(folder: Path, train: int = 60, test: int = 20) -> None:
    """A tiny MNIST: image i of digit i % 10 has the grey level i everywhere."""
    for part, count in (("train", train), ("t10k", test)):
        levels = np.arange(count)[:, None, None]
        write_idx(folder / f"{part}-images-idx3-ubyte", np.broadcast_to(levels, (count, DIGIT_PIXELS, DIGIT_PIXELS)))
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.arange(count) % 10)


def write_images(folder: Path, count: int, colour: tuple[int, int, int] = (200, 100, 50)) -> None:
    """PNGs of different sizes, all of one colour."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.new("RGB", (5 + index, 9), colour).save(folder / f"{index:03}.png")


def write_cifar10(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny CIFAR-10 of two training batches, with its checksums in place of the published ones."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)

    def write(name: str, content: object) -> tuple[str, str]:
        data = pickle.dumps(content)
        (folder / name).write_bytes(data)
        return name, hashlib.md5(data).hexdigest()

    def batch(start: int) -> dict[str, object]:
        pixels = np.zeros((40, 3, 32, 32), dtype=np.uint8)
        pixels[:, 0, 0, 1] = 255  # red, in the first row and the second column
        return {"data": pixels.reshape(40, -1), "labels": [(start + i) % 10 for i in range(40)]}

    monkeypatch.setattr(CIFAR10, "train_list", [write(f"data_batch_{i}", batch(i)) for i in (1, 2)])
    monkeypatch.setattr(CIFAR10, "test_list", [write("test_batch", batch(0))])
    name, md5 = write("batches.meta", {"label_names": [f"class {i}" for i in range(10)]})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": name, "md5": md5, "key": "label_names"})


@pytest.fixture
def filled_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which every data set can be read."""
    write_mnist(tmp_path / "MNIST" / "raw")
    write_mnist(tmp_path / "FashionMNIST" / "raw")
    write_cifar10(tmp_path, monkeypatch)
    for part, count in (("train", 12), ("test", 3)):
        for name in ("cat", "dog"):
            write_images(tmp_path / part / name, count)
    return tmp_path


@pytest.mark.parametrize("name", sorted(set(DATASETS) - TEXT_SETS))
def test_every_data_set_keeps_the_promises(name: str, filled_root: Path) -> None:
    settings = DataSettings(name, root=str(filled_root), validation=0.25)
    dataset = load_dataset(settings)
    spec, test = dataset.spec, dataset.read_test()
    assert (spec.name, spec.rank, spec.vocabulary) == (name, 2, 0)
    assert len(spec.class_names) == spec.num_classes
    everything = dataset.train_and_validation()
    assert len(everything) == len(dataset.train) + len(dataset.validation)
    assert len(dataset.validation) / len(everything) == pytest.approx(0.25, abs=0.02)
    for split in (dataset.train, dataset.validation, test):
        assert split.labels.unique().tolist() == list(range(spec.num_classes))
        batch = next(split.eval_batches(4))
        assert batch.inputs.shape == (4, *spec.shape)
    # The training part alone decides the normalisation.
    inputs = torch.cat([batch.inputs for batch in dataset.train.eval_batches(64)]).double()
    torch.testing.assert_close(inputs.mean((0, 2, 3)), torch.zeros(spec.shape[0]).double(), atol=1e-4, rtol=0)
    again = load_dataset(settings)
    assert again.spec == spec
    assert torch.equal(again.train.labels, dataset.train.labels)
    other = load_dataset(DataSettings(name, root=str(filled_root), validation=0.25, split_seed=1))
    assert torch.equal(read_all(other.read_test(), other), read_all(test, dataset))
    # A data set can travel to another process.
    assert len(pickle.loads(pickle.dumps(dataset)).read_test()) == len(test)  # noqa: S301  our own bytes


def read_all(split: ImageSplit, dataset: Dataset) -> Tensor:
    """All pixels of a split, 0 to 255, whatever it was normalised with."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (dataset.spec.mean, dataset.spec.std))
    inputs = torch.cat([batch.inputs for batch in split.eval_batches(64)])
    return (255 * (inputs * std + mean)).round().int()


def test_normalised_training_pixels_have_unit_deviation() -> None:
    dataset = load_dataset(DataSettings("digits"))
    inputs = torch.cat([batch.inputs for batch in dataset.train.eval_batches(256)])
    assert inputs.std().item() == pytest.approx(1.0, abs=1e-3)


def test_digits_are_bytes_with_a_fixed_test_part() -> None:
    dataset = load_dataset(DataSettings("digits"))
    test = dataset.read_test()
    assert len(dataset.train) + len(dataset.validation) + len(test) == 1797
    assert len(test) == 359
    pixels = read_all(dataset.train_and_validation(), dataset)
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_no_image_is_in_two_parts(tmp_path: Path) -> None:
    write_mnist(tmp_path / "MNIST" / "raw", train=200)
    dataset = load_dataset(DataSettings("mnist", root=str(tmp_path)))
    train, validation = (read_all(part, dataset)[:, 0, 0, 0] for part in (dataset.train, dataset.validation))
    assert sorted([*train.tolist(), *validation.tolist()]) == list(range(200))


def test_a_limit_keeps_the_classes_and_the_sides_of_the_full_split(tmp_path: Path) -> None:
    write_mnist(tmp_path / "MNIST" / "raw", train=200)
    settings = partial(DataSettings, "mnist", root=str(tmp_path), validation=0.3)
    full, limited = load_dataset(settings()), load_dataset(settings(train_limit=80))
    assert (len(limited.train), len(limited.validation)) == (56, 24)
    assert len(limited.read_test()) == len(full.read_test())
    for part in ("train", "validation"):
        few, all_ = (set(read_all(getattr(d, part), d)[:, 0, 0, 0].tolist()) for d in (limited, full))
        assert few < all_
        assert getattr(limited, part).labels.unique().tolist() == list(range(10))
    assert len(load_dataset(settings(train_limit=1000)).train) == len(full.train)
    with pytest.raises(ConfigError, match="train_limit: got 19, allowed: 20 or more"):
        load_dataset(settings(train_limit=19))


def test_cifar10_pixels_lie_where_they_should(filled_root: Path) -> None:
    dataset = load_dataset(DataSettings("cifar10", root=str(filled_root)))
    pixels = read_all(dataset.read_test(), dataset)
    assert pixels[:, 0, 0, 1].tolist() == [255] * 40
    assert pixels.sum() == 40 * 255


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"dataset": "minst"}, UnknownNameError, "unknown data set 'minst'; did you mean 'mnist'"),
        ({"validation": 0.0}, ConfigError, "validation: got 0.0, allowed: more than 0 and less than 1"),
        ({"validation": 1.0}, ConfigError, "validation: got 1.0"),
        ({"split_seed": -1}, ConfigError, "split_seed: got -1"),
        ({"image_size": 0}, ConfigError, "image_size: got 0, allowed: 4 to 1024"),
        ({"train_limit": -1}, ConfigError, "train_limit: got -1, allowed: 0 or more"),
    ],
)
def test_bad_settings(settings: dict[str, object], error: type[NeatDeepError], message: str) -> None:
    with pytest.raises(error, match=message):
        DataSettings(**{"dataset": "digits", **settings})  # type: ignore[arg-type]


# --- damaged files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("train-images-idx3-ubyte", lambda data: data[:-1], "is damaged: got 47055 bytes, allowed: 47056"),
        ("train-images-idx3-ubyte", lambda data: data + b"x", "is damaged: got 47057 bytes, allowed: 47056"),
        ("train-images-idx3-ubyte", lambda _: b"<html>not found</html>", "is no idx file"),
        ("train-images-idx3-ubyte", lambda data: data[:7], "is damaged"),
        ("train-images-idx3-ubyte", lambda _: b"", "is no idx file"),
        ("train-labels-idx1-ubyte", lambda _: b"\0\0\x08\x01\0\0\0\0", "none of it empty"),
        ("train-labels-idx1-ubyte", lambda _: b"\0\0\x08\x01\0\0\0\x01\0", "holds 60 images, but .* 1 labels"),
        ("train-labels-idx1-ubyte", lambda data: data[:-1] + b"\x63", "labels: got 99, allowed: 0 to 9"),
    ],
)
def test_damaged_mnist_files_are_named(name: str, damage: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "MNIST" / "raw" / name
    write_mnist(path.parent)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(DataSettings("mnist", root=str(tmp_path)))
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("t10k-images-idx3-ubyte", lambda data: data[:-1], "is damaged: got 15695 bytes, allowed: 15696"),
        ("t10k-images-idx3-ubyte", lambda _: b"short", "is no idx file"),
        ("t10k-labels-idx1-ubyte", lambda data: data[:-1], "is damaged: got 27 bytes, allowed: 28"),
        ("t10k-labels-idx1-ubyte", lambda _: b"\0\0\x08\x01\0\0\0\x01\0", "holds 20 images, but .* 1 labels"),
        ("t10k-labels-idx1-ubyte", lambda data: data[:-1] + b"\x63", "labels: got 99, allowed: 0 to 9"),
        (
            "t10k-images-idx3-ubyte",
            lambda _: b"\0\0\x08\x03" + b"".join(bytes([0, 0, 0, n]) for n in (20, 8, 9)) + bytes(20 * 8 * 9),
            "got images of 8x9 pixels, allowed: 28x28, as in train",
        ),
    ],
)
def test_damage_in_the_test_part_is_met_before_a_search(
    name: str, damage: object, message: str, tmp_path: Path
) -> None:
    test_damaged_mnist_files_are_named(name, damage, message, tmp_path)


def test_loading_reads_no_test_pixels(filled_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    fromfile = np.fromfile

    def watched(path: Path, *arguments: object, **options: object) -> np.ndarray:
        read.append(path.name)
        return fromfile(path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(np, "fromfile", watched)
    dataset = load_dataset(DataSettings("mnist", root=str(filled_root)))
    assert "train-images-idx3-ubyte" in read
    assert "t10k-images-idx3-ubyte" not in read
    dataset.read_test()
    assert "t10k-images-idx3-ubyte" in read


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_cifar10_files_with_another_checksum_are_named_and_never_unpickled(filled_root: Path) -> None:
    sign = filled_root / "unpickled"
    batch = filled_root / "cifar-10-batches-py" / "data_batch_2"
    batch.write_bytes(pickle.dumps(Bomb(sign)))
    with pytest.raises(DataError, match="data_batch_2 is missing or not the published file"):
        load_dataset(DataSettings("cifar10", root=str(filled_root)))
    assert not sign.exists()


# --- image folders ---------------------------------------------------------------------------------------------


def folder_settings(root: Path, image_size: int = 8) -> DataSettings:
    return DataSettings("image_folder", root=str(root), image_size=image_size, validation=0.5)


def test_image_folder_takes_sizes_modes_and_formats_as_they_come(tmp_path: Path) -> None:
    for part in ("train", "test"):
        cat, dog = tmp_path / part / "cat", tmp_path / part / "dog"
        cat.mkdir(parents=True)
        dog.mkdir()
        Image.new("RGB", (40, 10), (10, 20, 30)).save(cat / "a.png")
        Image.new("RGB", (8, 8), (10, 20, 30)).save(cat / "b.BMP")
        Image.new("L", (3, 50), 77).save(dog / "a.jpeg", quality=100)
        Image.new("L", (9, 9), 77).save(dog / "d.gif")
        Image.new("RGBA", (9, 9), (77, 77, 77, 255)).save(dog / "b.png")
        Image.new("LA", (9, 9), (77, 255)).save(dog / "c.png")
        (dog / "notes.txt").write_text("not an image")
        (dog / ".hidden.png").write_text("not an image")
    dataset = load_dataset(folder_settings(tmp_path))
    assert dataset.spec.class_names == ("cat", "dog")
    assert dataset.spec.shape == (3, 8, 8)
    test = dataset.read_test()
    assert test.labels.tolist() == [0, 0, 1, 1, 1, 1]
    pixels = read_all(test, dataset)
    assert (pixels[:2] == torch.tensor([10, 20, 30])[:, None, None]).all()
    assert (pixels[2:] == 77).all()


def test_image_folder_turns_photographs_upright(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        write_images(tmp_path / "train" / name, 2)
        write_images(tmp_path / "test" / name, 1)
    lying = Image.new("RGB", (16, 16))
    lying.paste((255, 255, 255), (0, 0, 8, 16))  # white on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    lying.save(tmp_path / "test" / "cat" / "000.png", exif=exif)
    dataset = load_dataset(folder_settings(tmp_path))
    upright = read_all(dataset.read_test(), dataset)[0]
    assert (upright[:, :3] == 255).all()
    assert (upright[:, 5:] == 0).all()


# As some cameras write it: turned (0x0112 is the short 6), with a width in words (0x011A is the text "abc").
ODD_EXIF = b"Exif\0\0II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\x1a\x01\x02\0\x04\0\0\0abc\0\0\0\0\0"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_what_pillow_makes_of_it(orientation: int, tmp_path: Path) -> None:
    lying = Image.effect_noise((9, 6), 90).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying.save(tmp_path / "lying.png", exif=exif)
    with Image.open(tmp_path / "lying.png") as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    (found,) = read_images([tmp_path / "lying.png"], (3, *upright.shape[:2]))
    assert (found.permute(1, 2, 0).numpy() == upright).all()


def test_a_photograph_with_odd_exif_is_turned_all_the_same(tmp_path: Path) -> None:
    lying = Image.new("RGB", (16, 16))
    lying.paste((255, 255, 255), (0, 0, 8, 16))
    lying.save(tmp_path / "odd.jpg", exif=ODD_EXIF, quality=100)
    check_images([tmp_path / "odd.jpg"])
    (found,) = read_images([tmp_path / "odd.jpg"], (1, 8, 8))
    assert (found[0, :3] > 240).all() and (found[0, 5:] < 15).all()


def test_image_folder_without_parts_holds_out_a_fixed_fifth(tmp_path: Path) -> None:
    for colour, name in enumerate(("cat", "dog", "owl")):
        write_images(tmp_path / name, 20, (colour, 100, 200))
    dataset = load_dataset(folder_settings(tmp_path))
    test = dataset.read_test()
    assert torch.bincount(test.labels).tolist() == [4, 4, 4]
    assert len(dataset.train) + len(dataset.validation) == 48
    assert read_all(test, dataset)[:, 0, 0, 0].tolist() == test.labels.tolist()


def test_a_class_without_test_images_keeps_the_numbers_of_the_others(tmp_path: Path) -> None:
    for name in ("cat", "dog", "owl"):
        write_images(tmp_path / "train" / name, 4)
    write_images(tmp_path / "test" / "owl", 2)
    assert load_dataset(folder_settings(tmp_path)).read_test().labels.tolist() == [2, 2]


def test_cifar10_is_read_from_a_folder_of_images(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for name in ("airplane", "automobile"):
            write_images(tmp_path / "cifar10-images" / part / name, 4)
    dataset = load_dataset(DataSettings("cifar10", root=str(tmp_path)))
    assert dataset.spec.class_names == ("airplane", "automobile")
    assert dataset.spec.shape == (3, 32, 32)


def missing(root: Path) -> None:
    pass


def empty(root: Path) -> None:
    root.mkdir()


def one_class(root: Path) -> None:
    write_images(root / "cat", 5)


def one_part(root: Path) -> None:
    write_images(root / "train" / "cat", 5)
    write_images(root / "train" / "dog", 5)


def empty_class(root: Path) -> None:
    write_images(root / "cat", 5)
    write_images(root / "dog", 0)


def few_images(root: Path) -> None:
    write_images(root / "cat", 5)
    write_images(root / "dog", 2)


def more_classes_in_test(root: Path) -> None:
    one_part(root)
    write_images(root / "test" / "cat", 1)
    write_images(root / "test" / "owl", 1)


def empty_test(root: Path) -> None:
    one_part(root)
    (root / "test").mkdir()


def broken_image(root: Path) -> None:
    write_images(root / "cat", 5)
    write_images(root / "dog", 5)
    for index in range(5):  # some of them are for testing
        (root / "dog" / f"{index:03}.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")


def cut_image(root: Path) -> None:
    write_images(root / "cat", 5)
    for index in range(5):
        path = root / "dog" / f"{index:03}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.effect_noise((64, 64), 90).save(path)
        path.write_bytes(path.read_bytes()[:600])


def other_format(root: Path) -> None:
    """What Pillow could read in part, but no suffix of ours stands for: its decoder fails in a way of its own."""
    write_images(root / "cat", 5)
    write_images(root / "dog", 5)
    (root / "dog" / "000.png").write_bytes(b"DDS " + struct.pack("<I", 124) + bytes(120))


def folder_named_as_an_image(root: Path) -> None:
    write_images(root / "cat", 5)
    write_images(root / "dog", 2)
    (root / "dog" / "third.png").mkdir()


def deep_image(root: Path) -> None:
    write_images(root / "cat", 5)
    (root / "dog").mkdir()
    for index in range(5):
        Image.fromarray(np.full((8, 8), 0.3, dtype=np.float32)).save(root / "dog" / f"{index}.tiff")


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif"])
def test_a_cut_test_image_is_met_before_a_search(suffix: str, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        write_images(tmp_path / "train" / name, 4)
        write_images(tmp_path / "test" / name, 2)
    path = tmp_path / "test" / "dog" / f"photo.{suffix}"
    Image.effect_noise((64, 64), 90).save(path)
    assert len(load_dataset(folder_settings(tmp_path)).read_test()) == 5
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DataError, match=f"cannot read the image .*test/dog/photo.{suffix}: "):
        load_dataset(folder_settings(tmp_path))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (missing, "no folder .*/photos; an image folder is laid out as"),
        (empty, "photos: class folders: got none, allowed: 2 or more"),
        (one_class, "photos: class folders: got cat, allowed: 2 or more"),
        (one_part, "has a folder train, but no folder test"),
        (empty_class, "photos/dog: images: got 0, allowed: 3 or more"),
        (few_images, "photos/dog: images: got 2, allowed: 3 or more"),
        (more_classes_in_test, "photos/test: class folders: got owl, allowed: those of .*photos/train: cat, dog"),
        (empty_test, "photos/test: class folders: got none, allowed: those of"),
        (broken_image, "cannot read the image .*photos/dog/00"),
        (cut_image, "cannot read the image .*photos/dog/00.*truncated"),
        (other_format, "cannot read the image .*photos/dog/000.png: "),
        (folder_named_as_an_image, "photos/dog: images: got 2, allowed: 3 or more"),
        (deep_image, r"photos/dog/\d.tiff: got more than 16 bits a channel"),
    ],
)
def test_bad_image_folders(write: object, message: str, tmp_path: Path) -> None:
    write(tmp_path / "photos")  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        load_dataset(folder_settings(tmp_path / "photos"))


# --- downloads, from a server of this test's own ---------------------------------------------------------------


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that a local server offers as the only mirror of MNIST, with a tiny MNIST in it."""
    offered = tmp_path / "mirror"
    write_mnist(offered)
    resources = []
    for path in sorted(offered.iterdir()):
        archive = path.with_name(path.name + ".gz")
        archive.write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        resources.append((archive.name, hashlib.md5(archive.read_bytes()).hexdigest()))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *values: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(offered)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(MNIST, "resources", resources)
    yield offered
    server.shutdown()
    server.server_close()


def files_under(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_what_is_missing_is_downloaded_once(mirror: Path, tmp_path: Path) -> None:
    settings = DataSettings("mnist", root=str(tmp_path / "data"))
    assert len(load_dataset(settings).train) == 50
    assert files_under(tmp_path / "data") == sorted(path.stem for path in mirror.iterdir())
    for path in mirror.iterdir():
        path.unlink()
    assert len(load_dataset(settings).train) == 50


def test_archives_that_lie_there_need_no_network(mirror: Path, tmp_path: Path) -> None:
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.parent.mkdir(parents=True)
    mirror.rename(raw)
    assert len(load_dataset(DataSettings("mnist", root=str(tmp_path / "data"))).train) == 50


@pytest.mark.parametrize("damage", ["absent", "cut"])
def test_a_failed_download_says_what_to_do_and_leaves_nothing(damage: str, mirror: Path, tmp_path: Path) -> None:
    images = mirror / "train-images-idx3-ubyte.gz"
    if damage == "absent":
        images.unlink()
    else:
        images.write_bytes(images.read_bytes()[:100])
    root = tmp_path / "data"
    with pytest.raises(DataError) as caught:
        load_dataset(DataSettings("mnist", root=str(root)))
    message = str(caught.value)
    assert "cannot download train-images-idx3-ubyte.gz (http://127.0.0.1:" in message
    assert f"train-labels-idx1-ubyte (or their .gz archives) into {root / 'MNIST' / 'raw'}" in message
    assert "the data set digits needs no download" in message
    raw = root / "MNIST" / "raw"
    assert sorted(path.name for path in raw.iterdir()) == ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]  # whole


@pytest.mark.parametrize(("name", "kind"), [("mnist", MNIST), ("fashion_mnist", FashionMNIST), ("cifar10", CIFAR10)])
def test_a_server_that_never_answers_is_given_up(
    name: str, kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.1)
    monkeypatch.setenv("no_proxy", "*")
    before = socket.getdefaulttimeout()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setattr(kind, "mirrors", [url], raising=False)
        monkeypatch.setattr(kind, "url", url + "cifar-10-python.tar.gz", raising=False)
        with pytest.raises(DataError, match=r"timed out.*digits needs no download"):
            load_dataset(DataSettings(name, root=str(tmp_path)))
    assert socket.getdefaulttimeout() == before
    assert files_under(tmp_path) == []


# --- the real thing --------------------------------------------------------------------------------------------


@pytest.mark.real_data
@pytest.mark.skipif("NEAT_DEEP_DATA" not in os.environ, reason="NEAT_DEEP_DATA names no folder of data sets")
def test_the_real_mnist() -> None:
    dataset = load_dataset(DataSettings("mnist", root=os.environ["NEAT_DEEP_DATA"]))
    test = dataset.read_test()
    assert (len(dataset.train), len(dataset.validation), len(test)) == (54_000, 6_000, 10_000)
    assert dataset.spec.mean[0] == pytest.approx(0.1307, abs=0.001)  # the values that everyone uses
    assert dataset.spec.std[0] == pytest.approx(0.3081, abs=0.001)
    assert test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
