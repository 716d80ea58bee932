"""A user's own images: one folder a class."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from neat_deep.base.errors import DataError
from neat_deep.data.images.folder_listing import PassedOver, class_images, find_parts
from neat_deep.data.images.image_files import check_images, list_folder, read_images
from neat_deep.data.images.image_split import ImageSource, LabelledImages
from neat_deep.data.settings import NEWEST_READING, DataSettings
from neat_deep.data.splits import TEST_SEED, TEST_SHARE, stratified_split

LAYOUT = "<root>/train/<class>/* and <root>/test/<class>/*, or <root>/<class>/*"

LabelledFiles = list[tuple[Path, int]]


def read_image_folder(settings: DataSettings) -> ImageSource:
    """The images under `root`, resized to `image_size`; see `read_folder_of_images`."""
    return read_folder_of_images(settings.folder, settings.image_size, settings.image_reading)


def read_folder_of_images(root: Path, side: int, reading: int = NEWEST_READING) -> ImageSource:
    """The images under `root/train/<class>` and `root/test/<class>` as RGB of `side` by `side` pixels.

    Those under `root/val/<class>` or `root/valid/<class>`, if there are any, validate. The letters' case of these names
    is no matter, and images may lie in subfolders of their class. Without train and test, `root/<class>` is read and
    the same fifth of every class is always the test part. The source's note counts what is passed over, and why. The
    test images are checked at once and decoded when they are asked for. Raises `DataError`, naming the folder or file.

    In `reading` 1, which runs of older versions keep, there is no validation folder, and no subfolder of a class.
    """
    if not root.is_dir():
        raise DataError(f"no folder {root}; an image folder is laid out as {LAYOUT}")
    passed = PassedOver()
    folder = _Folder(side, reading, passed)
    parts = find_parts(root, reading, passed)
    if len(parts.keys() & {"train", "test"}) == 1:
        present, missing = ("train", "test") if "train" in parts else ("test", "train")
        raise DataError(f"{root} has a folder {parts[present].name}, but no folder {missing}; the layout is {LAYOUT}")
    validation = None
    notes = []
    if parts:
        labels = folder.label_classes(parts["train"])
        own = "validation" in parts
        train_files = folder.files(parts["train"], labels, least=1 if own else 2)  # one validates
        if own:
            validation = folder.part(parts["validation"], labels, parts["train"])
            notes.append(f"{parts['validation'].name}/ validates")
        test_files = folder.part(parts["test"], labels, parts["train"])
    else:
        labels = folder.label_classes(root)
        files = folder.files(root, labels, least=3)
        train, test = stratified_split(torch.tensor([label for _, label in files]), TEST_SHARE, TEST_SEED)
        train_files, test_files = [files[i] for i in train.tolist()], [files[i] for i in test.tolist()]
    check_images([path for path, _ in test_files])  # a broken one must not end a run that is hours old
    trained = folder.read(train_files)
    validating = None if validation is None else folder.read(validation)
    notes += [*folder.depth_notes(), *_plain_classes(trained, list(labels)), passed.note(root)]
    return ImageSource(
        tuple(labels), trained, partial(folder.read, test_files), validating, "; ".join(note for note in notes if note)
    )


class _Folder:
    """Reads parts of a folder of images, and remembers what is worth a note."""

    def __init__(self, side: int, reading: int, passed: PassedOver) -> None:
        self._side = side
        self._reading = reading
        self._passed = passed
        self._deep: list[Path] = []

    def label_classes(self, folder: Path) -> dict[str, int]:
        """The number of each class: its place among the names."""
        names = self._class_folders(folder)
        if len(names) < 2:
            folders = ", ".join(names) or "none"
            raise DataError(f"{folder}: class folders: got {folders}, allowed: 2 or more; the layout is {LAYOUT}")
        return {name: label for label, name in enumerate(names)}

    def part(self, folder: Path, labels: dict[str, int], train: Path) -> LabelledFiles:
        """The files of a part whose classes are among those of the training part."""
        names = self._class_folders(folder)
        unknown = [name for name in names if name not in labels]
        if unknown or not names:
            raise DataError(
                f"{folder}: class folders: got {', '.join(unknown or ['none'])}, allowed: those of {train}: "
                f"{', '.join(labels)}"
            )
        return self.files(folder, {name: labels[name] for name in names}, least=1)

    def files(self, folder: Path, labels: dict[str, int], least: int) -> LabelledFiles:
        """The image files of each class, sorted, with the class's number."""
        return [
            (path, label)
            for name, label in labels.items()
            for path in class_images(folder / name, least, self._reading, self._passed)
        ]

    def read(self, files: LabelledFiles) -> LabelledImages:
        """The images of the files."""
        shape = (3, self._side, self._side)
        images = read_images([path for path, _ in files], shape, self._reading, self._deep)
        return LabelledImages(images, torch.tensor([label for _, label in files]))

    def depth_notes(self) -> list[str]:
        """What is said of images of 16 bits, if any were read."""
        if not self._deep:
            return []
        return [f"{len(self._deep)} images of 16 bits were divided by 257, to 8 bits (the first: {min(self._deep)})"]

    def _class_folders(self, folder: Path) -> list[str]:
        names = []
        for entry in list_folder(folder):
            if entry.is_dir() and (self._reading == 1 or entry.name != MAC_RESOURCES):
                names.append(entry.name)
            elif self._reading > 1:
                self._passed.add("entries beside the class folders", entry)
        return names


MAC_RESOURCES = "__MACOSX"  # macOS puts it into archives; it is no class


def _plain_classes(images: LabelledImages, names: list[str]) -> list[str]:
    """A note for each class whose images are of one colour each, as drawings are without their ground."""
    pixels = images.images.flatten(2)  # (N, C, H * W)
    plain = (pixels.amin(2) == pixels.amax(2)).all(1)
    return [
        f"all images of the class {name} are of one colour each"
        for label, name in enumerate(names)
        if bool(plain[images.labels == label].all())
    ]
