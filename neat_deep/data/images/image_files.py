"""Image files: read as pixels of a given size by as many threads as there are cores, or checked for damage."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import ExifTags, Image, UnidentifiedImageError
from torch import Tensor

from neat_deep.base.errors import DataError
from neat_deep.data.settings import NEWEST_READING

OLDER_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
CHUNK = 16  # images that a thread reads in one go: handing over small ones singly costs more than decoding them
# What Pillow knows by name but cannot read by itself, and what it would hand to another program (EPS).
UNREADABLE = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})
OF_16_BITS = ("PNG", "PPM", "TIFF")  # formats whose numbers of 32 bits in Pillow were 16 in the file
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


@functools.cache
def formats() -> tuple[str, ...]:
    """The formats that are read, as Pillow calls them."""
    Image.init()
    return tuple(sorted(set(Image.OPEN) - UNREADABLE))


@functools.cache
def suffixes(reading: int = NEWEST_READING) -> frozenset[str]:
    """The suffixes of image files: all that Pillow reads, or those of an older reading."""
    if reading == 1:
        return OLDER_SUFFIXES
    return frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in formats())


def read_images(
    paths: Sequence[Path], shape: tuple[int, ...], reading: int = NEWEST_READING, deep: list[Path] | None = None
) -> Tensor:
    """The images, upright and resized to `shape`: uint8 (N, C, H, W); raises `DataError`, naming the file.

    `shape` is (C, H, W), C 1 (grey) or 3 (RGB). What is transparent shows white, as on paper; in reading 1 its colour
    showed. Grey images of 16 bits are divided by 257; `deep`, if it is given, gets their paths.
    """
    channels, height, width = shape
    pixels = np.empty((len(paths), height, width, channels), dtype=np.uint8)

    def read(index: int) -> None:
        image = _read(paths[index], MODES[channels], (width, height), reading, deep)
        pixels[index] = image.reshape(height, width, channels)

    _in_threads(read, len(paths))
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def check_images(paths: Sequence[Path]) -> None:
    """Raise `DataError` for an image that is broken; nothing is kept."""
    _in_threads(lambda index: _check(paths[index]), len(paths))


def list_images(folder: Path, least: int, reading: int = NEWEST_READING) -> list[Path]:
    """The image files of a folder, by their suffixes, sorted by name; raises `DataError` for fewer than `least`."""
    paths = [path for path in list_folder(folder) if path.suffix.lower() in suffixes(reading) and path.is_file()]
    check_enough(folder, len(paths), least)
    return paths


def check_enough(folder: Path, count: int, least: int, hint: str = "") -> None:
    """Raise `DataError` for a folder with fewer images than `least`."""
    if count < least:
        known = ", ".join(sorted(OLDER_SUFFIXES))
        raise DataError(
            f"{folder}: images: got {count}{hint}, allowed: {least} or more (suffixes {known} and others that Pillow "
            "reads)"
        )


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


def _read(path: Path, mode: str, size: tuple[int, int], reading: int, deep: list[Path] | None) -> np.ndarray:
    with _opened(path) as image:
        upright = _turn(image)
        if upright.mode.startswith("I"):
            upright = Image.fromarray(np.round(np.asarray(upright) / 257).astype(np.uint8))
            if deep is not None:
                deep.append(path)
        if reading > 1 and upright.has_transparency_data:
            upright = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
        elif upright.mode == "P" and "transparency" in upright.info:
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
    """An open image of 8 or 16 bits a channel; raises `DataError` for what is wrong with it, here or in the block."""
    try:
        with Image.open(path, formats=formats()) as image:
            if not _is_of_bits(image):  # Pillow would clip them at 255 and so make them white
                raise DataError(f"{path}: got more than 16 bits a channel (mode {image.mode}), allowed: 8 or 16 bits")
            yield image
    except DataError:
        raise
    except UnidentifiedImageError:
        raise DataError(f"cannot read the image {path}: damaged, or none of {', '.join(formats())}") from None
    except OSError as error:
        raise DataError(f"cannot read the image {path}: {error.strerror or error}") from None
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise anything at bytes that no encoder wrote
        raise DataError(f"cannot read the image {path}: {error or type(error).__name__}") from None


def _is_of_bits(image: Image.Image) -> bool:
    """Whether an image has 8 bits a channel, or is grey of 16: some of Pillow's readers give those as numbers of 32."""
    if image.mode == "I":
        if image.format not in OF_16_BITS:
            return False
        least, most = cast("tuple[int, int]", image.getextrema())  # it looks at every pixel
        return least >= 0 and most < 1 << 16
    return not image.mode.startswith("F")
