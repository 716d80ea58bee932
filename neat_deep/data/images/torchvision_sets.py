"""MNIST, Fashion-MNIST and CIFAR-10, in the layouts and from the addresses that torchvision uses."""

from __future__ import annotations

import math
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.datasets import CIFAR10, MNIST, FashionMNIST
from torchvision.datasets.utils import check_integrity

from neat_deep.base.errors import DataError
from neat_deep.data.download import fetch_archive
from neat_deep.data.images.image_folder import read_folder_of_images
from neat_deep.data.images.image_split import ImageSource, LabelledImages
from neat_deep.data.settings import DataSettings

OFFLINE = "the data set digits needs no download"
CIFAR10_IMAGES = "cifar10-images"  # the same images as files, <root>/cifar10-images/{train,test}/<class>/*
CIFAR10_SIDE = 32


def read_mnist(settings: DataSettings) -> ImageSource:
    """MNIST from `<root>/MNIST/raw`, downloaded if it is not there; raises `DataError`."""
    return _read_idx_set(MNIST, settings.folder, tuple(str(digit) for digit in range(10)))


def read_fashion_mnist(settings: DataSettings) -> ImageSource:
    """Fashion-MNIST from `<root>/FashionMNIST/raw`, downloaded if it is not there; raises `DataError`."""
    return _read_idx_set(FashionMNIST, settings.folder, tuple(FashionMNIST.classes))


def read_cifar10(settings: DataSettings) -> ImageSource:
    """CIFAR-10 from `<root>/cifar-10-batches-py`, or else `<root>/cifar10-images`, or else downloaded.

    Raises `DataError`.
    """
    root = settings.folder
    batches = root / CIFAR10.base_folder
    if not batches.is_dir():
        if (root / CIFAR10_IMAGES).is_dir():
            return read_folder_of_images(root / CIFAR10_IMAGES, CIFAR10_SIDE)
        fetch_archive(
            [CIFAR10.url],
            CIFAR10.tgz_md5,
            root,
            CIFAR10.base_folder,
            f"Put {CIFAR10.filename}, or the folder {CIFAR10.base_folder} that it holds, or a folder {CIFAR10_IMAGES}"
            f" with train/<class>/* and test/<class>/* into {root}; {OFFLINE}",
        )
    # torchvision unpickles these files, and a pickle may run any code. That is acceptable only because it compares
    # the checksum of each with the published one first; we do so too, to name the file that is wrong.
    for name, md5 in [*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])]:
        if not check_integrity(batches / name, md5):
            raise DataError(f"{batches / name} is missing or not the published file; remove {batches} to download it")
    train = CIFAR10(root, train=True)
    return ImageSource(tuple(train.classes), _from_cifar10(train), partial(_read_cifar10_test, root))


def _read_cifar10_test(root: Path) -> LabelledImages:
    return _from_cifar10(CIFAR10(root, train=False))


def _from_cifar10(part: Any) -> LabelledImages:
    images = torch.from_numpy(part.data).permute(0, 3, 1, 2)  # (N, H, W, C) -> (N, C, H, W)
    return LabelledImages(images, torch.tensor(part.targets))


def _read_idx_set(kind: Any, root: Path, class_names: tuple[str, ...]) -> ImageSource:
    folder = root / kind.__name__ / "raw"
    names = {archive.removesuffix(".gz"): (archive, md5) for archive, md5 in kind.resources}
    for name, (archive, md5) in names.items():
        if not (folder / name).is_file():
            advice = f"Put {', '.join(names)} (or their .gz archives) into {folder}; {OFFLINE}"
            fetch_archive([mirror + archive for mirror in kind.mirrors], md5, folder, name, advice)
    train = _read_idx_pair(folder, "train")
    _check_idx_test(folder, train)
    return ImageSource(class_names, train, partial(_read_idx_pair, folder, "t10k"))


def _check_idx_test(folder: Path, train: LabelledImages) -> None:
    """Raise `DataError` for a damaged test part; the pixels stay unread."""
    file = _images_file(folder, "t10k")
    _read_labels(folder, "t10k")
    (height, width), allowed = idx_shape(file, 3)[1:], train.images.shape[2:]
    if (height, width) != allowed:
        raise DataError(
            f"{file}: got images of {height}x{width} pixels, allowed: {allowed[0]}x{allowed[1]}, as in train"
        )


def _read_idx_pair(folder: Path, part: str) -> LabelledImages:
    labels = _read_labels(folder, part)
    return LabelledImages(read_idx(_images_file(folder, part), 3)[:, None], labels)  # (N, 1, H, W)


def _read_labels(folder: Path, part: str) -> Tensor:
    """The labels of a part; raises `DataError` if they are damaged or not as many as its images."""
    images_file, labels_file = _images_file(folder, part), folder / f"{part}-labels-idx1-ubyte"
    count, labels = idx_shape(images_file, 3)[0], read_idx(labels_file, 1)
    if count != len(labels):
        raise DataError(f"{images_file} holds {count} images, but {labels_file} {len(labels)} labels")
    if labels.max() > 9:
        raise DataError(f"{labels_file} is damaged: labels: got {int(labels.max())}, allowed: 0 to 9")
    return labels.long()


def _images_file(folder: Path, part: str) -> Path:
    return folder / f"{part}-images-idx3-ubyte"


def read_idx(path: Path, dimensions: int) -> Tensor:
    """The bytes of an idx file (the format of MNIST's files) as a uint8 tensor; raises `DataError`, naming the file."""
    shape = idx_shape(path, dimensions)
    data = np.fromfile(path, dtype=np.uint8, offset=_header_bytes(dimensions))
    return torch.from_numpy(data).view(shape)


def idx_shape(path: Path, dimensions: int) -> tuple[int, ...]:
    """The shape that an idx file's header tells and its size confirms; raises `DataError`, naming the file.

    A header of big-endian 32-bit numbers: 0x08 (unsigned bytes) * 256 + the dimensions, then each dimension's length.
    """
    header_bytes = _header_bytes(dimensions)
    try:
        with path.open("rb") as file:
            header = file.read(header_bytes)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    magic, *shape = np.frombuffer(header.ljust(header_bytes, b"\0"), dtype=">u4").tolist()
    if magic != 0x0800 + dimensions:
        raise DataError(f"{path} is no idx file of bytes in {dimensions} dimensions: remove it to download it again")
    if size != header_bytes + math.prod(shape) or not math.prod(shape):
        raise DataError(
            f"{path} is damaged: got {size} bytes, allowed: {header_bytes + math.prod(shape)} for shape"
            f" {tuple(shape)}, none of it empty; remove it to download it again"
        )
    return tuple(shape)


def _header_bytes(dimensions: int) -> int:
    return 4 * (1 + dimensions)
