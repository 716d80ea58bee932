"""Image files: read as pixels of a given size by as many threads as there are cores, or checked for damage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, UnidentifiedImageError
from torch import Tensor

from neat_deep.base.errors import DataError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
CHUNK = 16  # images that a thread reads in one go: handing over small ones singly costs more than decoding them
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # what Pillow calls them; it would try others too
# How to turn an image whose EXIF orientation is not 1. Pillow's own `exif_transpose` writes all of EXIF anew as well,
# and fails at tags that cameras got wrong.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
MODES = {1: "L", 3: "RGB"}  # Pillow's name for so many channels


def read_images(paths: Sequence[Path], shape: tuple[int, ...]) -> Tensor:
    """The images, upright and resized to `shape`: uint8 (N, C, H, W); raises `DataError`, naming the file.

    `shape` is (C, H, W), C 1 (grey) or 3 (RGB).
    """
    channels, height, width = shape
    pixels = np.empty((len(paths), height, width, channels), dtype=np.uint8)

    def read(index: int) -> None:
        pixels[index] = _read(paths[index], MODES[channels], (width, height)).reshape(height, width, channels)

    _in_threads(read, len(paths))
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def check_images(paths: Sequence[Path]) -> None:
    """Raise `DataError` for an image that is broken; nothing is kept."""
    _in_threads(lambda index: _check(paths[index]), len(paths))


def list_images(folder: Path, least: int) -> list[Path]:
    """The image files of a folder, by their suffixes, sorted by name; raises `DataError` for fewer than `least`."""
    paths = [path for path in list_folder(folder) if path.suffix.lower() in SUFFIXES and path.is_file()]
    if len(paths) < least:
        raise DataError(
            f"{folder}: images: got {len(paths)}, allowed: {least} or more (suffixes {', '.join(sorted(SUFFIXES))})"
        )
    return paths


def list_folder(folder: Path) -> list[Path]:
    """What lies in a folder and is not hidden, sorted by name; raises `DataError`."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror or error}") from None


def _in_threads(work: Callable[[int], None], count: int) -> None:
    """Call `work` with every number below `count`; raises what a call raised."""

    def work_on_chunk(start: int) -> None:
        for index in range(start, min(start + CHUNK, count)):
            work(index)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for _ in pool.map(work_on_chunk, range(0, count, CHUNK)):
            pass  # raises what a thread raised


def _read(path: Path, mode: str, size: tuple[int, int]) -> np.ndarray:
    with _opened(path) as image:
        upright = _turn(image)
        if upright.mode == "P" and "transparency" in upright.info:
            upright = upright.convert("RGBA")
        pixels = upright.convert(mode)
        if pixels.size != size:
            pixels = pixels.resize(size, Image.Resampling.BILINEAR)
        return np.asarray(pixels)


def _turn(image: Image.Image) -> Image.Image:
    """The image as it should be seen."""
    image.load()  # some formats turn it themselves
    turn = UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return image if turn is None else image.transpose(turn)


def _check(path: Path) -> None:
    """Raise `DataError` for a broken image, by its checksums if it is a PNG.

    The other formats have none: they are decoded, a JPEG at an eighth of its size.
    """
    with _opened(path) as image:
        if image.format == "PNG":
            image.verify()
        else:
            image.draft(None, (1, 1))
            _turn(image)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An open image of 8 bits a channel; raises `DataError` for what is wrong with it, here or in the block."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.mode.startswith(("I", "F")):  # Pillow would clip them at 255 and so make them white
                raise DataError(f"{path}: got more than 8 bits a channel (mode {image.mode}), allowed: 8 bits")
            yield image
    except DataError:
        raise
    except UnidentifiedImageError:
        raise DataError(f"cannot read the image {path}: damaged, or none of {', '.join(FORMATS)}") from None
    except OSError as error:
        raise DataError(f"cannot read the image {path}: {error.strerror or error}") from None
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise anything at bytes that no encoder wrote
        raise DataError(f"cannot read the image {path}: {error or type(error).__name__}") from None
