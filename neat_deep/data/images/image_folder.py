"""A user's own images: one folder a class."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from neat_deep.base.errors import DataError
from neat_deep.data.images.image_files import check_images, list_folder, list_images, read_images
from neat_deep.data.images.image_split import ImageSource, LabelledImages
from neat_deep.data.settings import DataSettings
from neat_deep.data.splits import TEST_SEED, TEST_SHARE, stratified_split

LAYOUT = "<root>/train/<class>/* and <root>/test/<class>/*, or <root>/<class>/*"

LabelledFiles = list[tuple[Path, int]]


def read_image_folder(settings: DataSettings) -> ImageSource:
    """The images under `root`, resized to `image_size`; see `read_folder_of_images`."""
    return read_folder_of_images(settings.folder, settings.image_size)


def read_folder_of_images(root: Path, side: int) -> ImageSource:
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
    check_images([path for path, _ in test_files])  # a broken one must not end a run that is hours old
    return ImageSource(tuple(labels), _read(train_files, side), partial(_read, test_files, side))


def _read(files: LabelledFiles, side: int) -> LabelledImages:
    images = read_images([path for path, _ in files], (3, side, side))
    return LabelledImages(images, torch.tensor([label for _, label in files]))


def _label_classes(folder: Path) -> dict[str, int]:
    """The number of each class: its place among the names."""
    names = _class_folders(folder)
    if len(names) < 2:
        found = ", ".join(names) or "none"
        raise DataError(f"{folder}: class folders: got {found}, allowed: 2 or more; the layout is {LAYOUT}")
    return {name: label for label, name in enumerate(names)}


def _class_folders(folder: Path) -> list[str]:
    return [entry.name for entry in list_folder(folder) if entry.is_dir()]


def _list_files(folder: Path, labels: dict[str, int], least: int) -> LabelledFiles:
    """The image files of each class, sorted, with the class's number."""
    files: LabelledFiles = []
    for name, label in labels.items():
        paths = list_images(folder / name, least)
        files += [(path, label) for path in paths]
    return files
