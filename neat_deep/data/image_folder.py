"""A user's own images: one folder a class."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from neat_deep.data.images import ImageSource, LabelledImages
from neat_deep.data.splits import TEST_SEED, TEST_SHARE, stratified_split
from neat_deep.errors import DataError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
LAYOUT = "<root>/train/<class>/* and <root>/test/<class>/*, or <root>/<class>/*"
CHUNK = 16  # images that a thread decodes in one go: handing over small ones singly costs more than decoding them

LabelledFiles = list[tuple[Path, int]]


def read_image_folder(root: Path, side: int) -> ImageSource:
    """The images under `root/train/<class>` and `root/test/<class>` as RGB of `side` by `side` pixels.

    Without these two folders, `root/<class>` is read and the same fifth of every class is always the test part.
    Files that are not images by their suffix are passed over. The test images are checked at once and decoded when
    they are asked for. Raises `DataError`, naming the folder or file.
    """
    if not root.is_dir():
        raise DataError(f"no folder {root}; an image folder is laid out as {LAYOUT}")
    has_train, has_test = (root / "train").is_dir(), (root / "test").is_dir()
    if has_train != has_test:
        there, missing = ("train", "test") if has_train else ("test", "train")
        raise DataError(f"{root} has a folder {there}, but no folder {missing}; the layout is {LAYOUT}")
    if has_train:
        labels = _label_classes(root / "train")
        train_files = _list_files(root / "train", labels, least=2)  # one to train on, one to validate on
        in_test = _class_folders(root / "test")
        unknown = [name for name in in_test if name not in labels]
        if unknown or not in_test:
            raise DataError(
                f"{root / 'test'}: class folders: got {', '.join(unknown or ['none'])}, allowed: those of"
                f" {root / 'train'}: {', '.join(labels)}"
            )
        test_files = _list_files(root / "test", {name: labels[name] for name in in_test}, least=1)
    else:
        labels = _label_classes(root)
        files = _list_files(root, labels, least=3)
        train, test = stratified_split(torch.tensor([label for _, label in files]), TEST_SHARE, TEST_SEED)
        train_files, test_files = [files[i] for i in train.tolist()], [files[i] for i in test.tolist()]
    check_images(test_files)  # a broken one must not end a run that is hours old
    return ImageSource(tuple(labels), decode_images(train_files, side), partial(decode_images, test_files, side))


def decode_images(files: Sequence[tuple[Path, int]], side: int) -> LabelledImages:
    """The images of (path, label) pairs, (N, 3, side, side), decoded by as many threads as there are cores."""
    pixels = np.empty((len(files), side, side, 3), dtype=np.uint8)

    def decode(index: int) -> None:
        pixels[index] = _decode(files[index][0], side)

    _in_threads(decode, len(files))
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)  # (N, C, H, W)
    return LabelledImages(images, torch.tensor([label for _, label in files]))


def check_images(files: Sequence[tuple[Path, int]]) -> None:
    """Raise `DataError` for an image of (path, label) pairs that is broken; nothing is kept."""
    _in_threads(lambda index: _check(files[index][0]), len(files))


def _in_threads(work: Callable[[int], None], count: int) -> None:
    """Call `work` with every number below `count`; raises what a call raised."""

    def work_on_chunk(start: int) -> None:
        for index in range(start, min(start + CHUNK, count)):
            work(index)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for _ in pool.map(work_on_chunk, range(0, count, CHUNK)):
            pass  # raises what a thread raised


def _label_classes(folder: Path) -> dict[str, int]:
    """The number of each class: its place among the names."""
    names = _class_folders(folder)
    if len(names) < 2:
        found = ", ".join(names) or "none"
        raise DataError(f"{folder}: class folders: got {found}, allowed: 2 or more; the layout is {LAYOUT}")
    return {name: label for label, name in enumerate(names)}


def _class_folders(folder: Path) -> list[str]:
    return [entry.name for entry in _entries(folder) if entry.is_dir()]


def _list_files(folder: Path, labels: dict[str, int], least: int) -> LabelledFiles:
    """The image files of each class, sorted, with the class's number."""
    files: LabelledFiles = []
    for name, label in labels.items():
        paths = [path for path in _entries(folder / name) if path.suffix.lower() in SUFFIXES]
        if len(paths) < least:
            raise DataError(
                f"{folder / name}: images: got {len(paths)}, allowed: {least} or more"
                f" (suffixes {', '.join(sorted(SUFFIXES))})"
            )
        files += [(path, label) for path in paths]
    return files


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder and is not hidden, sorted by name."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror or error}") from None


def _decode(path: Path, side: int) -> np.ndarray:
    with _opened(path) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode == "P" and "transparency" in upright.info:
            upright = upright.convert("RGBA")
        rgb = upright.convert("RGB")
    if rgb.size != (side, side):
        rgb = rgb.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(rgb)


def _check(path: Path) -> None:
    """Raise `DataError` for a broken image, by its checksums if it is a PNG.

    The other formats have none: they are decoded, a JPEG at an eighth of its size.
    """
    with _opened(path) as image:
        if image.format == "PNG":
            image.verify()
        else:
            image.draft(None, (1, 1))
            image.load()


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An open image of 8 bits a channel; raises `DataError` for what is wrong with it, here or in the block."""
    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):  # Pillow would clip them at 255 and so make them white
                raise DataError(f"{path}: got more than 8 bits a channel (mode {image.mode}), allowed: 8 bits")
            yield image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"cannot read the image {path}: {error}") from None
