"""The registry of data sets: facts that need no torch, and where their readers stand.

What ships stands in the list at the end; a user's own data set is registered by a decorator, from any file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from neat_deep.base.errors import ConfigError
from neat_deep.base.registry import Registry

RANKS = {1: "texts", 2: "images"}
IN_MEMORY = "memory"  # what a run says of data that came from no file, but from the program that searched

Reader = TypeVar("Reader", bound=Callable[..., Any])


@dataclass(frozen=True)
class DatasetInfo:
    """A registered data set of images (`rank` 2) or texts (`rank` 1).

    `code` is its reader, or where that stands as `module:attribute`: a function from `DataSettings` to an `ImageSource`
    or a `TextSource`. `summary` says in a line what it holds. Without `reads_files` it needs no folder.
    """

    name: str
    rank: int
    code: Callable[..., Any] | str
    summary: str = ""
    reads_files: bool = True


DATASETS: Registry[DatasetInfo] = Registry("data set", reserved=frozenset({IN_MEMORY}), tells_reserved=False)


def reads_folder(name: str) -> bool:
    """Whether a data set lies in the folder that the settings name; one that nobody registered may."""
    return name not in DATASETS or DATASETS.get(name).reads_files


def register_dataset(
    name: str, *, rank: int, summary: str = "", reads_files: bool = True
) -> Callable[[Reader], Reader]:
    """Register a reader as the data set `name`, for INI files: `DataSettings -> ImageSource` for images, `rank` 2.

    For texts, `rank` 1, it returns a `TextSource`. It raises `DataError` for files that are missing or damaged. With
    `reads_files=False` a user who names a folder is told that nothing is read from it. Raises `ConfigError` for a name
    that is taken or cannot stand in an INI file, and for another rank.
    """
    if rank not in RANKS:
        raise ConfigError(f"data set '{name}': rank: got {rank}, allowed: 1 (texts), 2 (images)")

    def decorate(reader: Reader) -> Reader:
        DATASETS.add(DatasetInfo(name, rank, reader, summary, reads_files))
        return reader

    return decorate


def _images(name: str, code: str, summary: str, *, reads_files: bool = True) -> None:
    DATASETS.add(DatasetInfo(name, 2, f"neat_deep.data.images.{code}", summary, reads_files))


def _texts(name: str, code: str, summary: str) -> None:
    DATASETS.add(DatasetInfo(name, 1, f"neat_deep.data.texts.{code}", summary))


_images(
    "digits",
    "digits:read_digits",
    "1,797 digits of 8x8 pixels that ship inside scikit-learn: no download",
    reads_files=False,
)
_images("mnist", "torchvision_sets:read_mnist", "70,000 handwritten digits of 28x28 pixels")
_images("fashion_mnist", "torchvision_sets:read_fashion_mnist", "70,000 grey pictures of clothes of 28x28 pixels")
_images("cifar10", "torchvision_sets:read_cifar10", "60,000 colour pictures of 32x32 pixels in 10 classes")
_images("image_folder", "image_folder:read_image_folder", "your own images: one folder a class")
_texts("sst2", "sst2:read_sst2", "sentences of film reviews, negative or positive")
_texts("imdb", "imdb:read_imdb", "50,000 whole film reviews, negative or positive")
_texts("tsv", "own_texts:read_own_texts", "your own texts: files of TSV, CSV or JSON lines, with texts and labels")
