"""Small image data sets on disk: random pixels, with a bright upper or lower half that tells the class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

PIXELS = 28  # a side of MNIST's images


def pictures(count: int, classes: int, side: int, channels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` images (N, side, side, channels) of bytes, and their labels (N,), each class in turn."""
    labels = np.arange(count) % classes
    images = np.random.default_rng(seed).integers(0, 90, (count, side, side, channels), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[: side // 2] += np.uint8(160 * label // classes)
    return images, labels.astype(np.uint8)


def write_idx_set(folder: Path, train: int = 60, test: int = 20) -> Path:
    """The four files of MNIST or Fashion-MNIST in `folder`, which ends in `raw`."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (part, count) in enumerate((("train", train), ("t10k", test))):
        images, labels = pictures(count, 10, PIXELS, 1, seed)
        for kind, values in (("images-idx3", images[..., 0]), ("labels-idx1", labels)):
            header = b"".join(number.to_bytes(4, "big") for number in (0x0800 + values.ndim, *values.shape))
            (folder / f"{part}-{kind}-ubyte").write_bytes(header + values.tobytes())
    return folder


def write_classes(folder: Path, names: tuple[str, ...], each: int, side: int = 20) -> Path:
    """`folder/<class>/*` with `each` images of every class, PNG and JPEG in turn, of different sizes."""
    for seed, name in enumerate(names):
        (folder / name).mkdir(parents=True, exist_ok=True)
        images, _ = pictures(each, 1, side + 4 * seed, 3, seed)
        images[:, : side // 2] += np.uint8(150 * seed // len(names))
        for number, image in enumerate(images):
            Image.fromarray(image).save(folder / name / f"{number}.{('png', 'jpg')[number % 2]}")
    return folder
