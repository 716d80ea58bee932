"""Which files of a folder of images are used, and what is passed over, and why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from neat_deep.base.errors import DataError
from neat_deep.data.images.image_files import check_enough, list_folder, list_images, suffixes

# What the folder of a part may be called, whatever the letters' case.
PARTS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
OLDER_PARTS = {"train": ("train",), "validation": (), "test": ("test",)}


@dataclass
class PassedOver:
    """What is not used, by the reason; the first of each kind is named."""

    paths: dict[str, list[Path]] = field(default_factory=dict)

    def add(self, reason: str, path: Path) -> None:
        """Count a file or folder."""
        self.paths.setdefault(reason, []).append(path)

    def note(self, root: Path) -> str:
        """A line about all of it, nothing for nothing."""
        counted = [
            f"{len(paths)} {reason} ({', '.join(str(path.relative_to(root)) for path in paths[:2])}"
            f"{', ...' if len(paths) > 2 else ''})"
            for reason, paths in self.paths.items()
        ]
        return f"passed over: {'; '.join(counted)}" if counted else ""


def find_parts(root: Path, reading: int, passed: PassedOver) -> dict[str, Path]:
    """The existing folders of the parts train, validation and test; raises `DataError` for two folders of one part.

    What lies beside them is passed over. Empty where there is neither a train nor a test folder.
    """
    names = OLDER_PARTS if reading == 1 else PARTS
    folders: dict[str, Path] = {}
    others = []
    for entry in list_folder(root):
        name = entry.name if reading == 1 else entry.name.lower()
        part = next((part for part, known in names.items() if name in known and entry.is_dir()), None)
        if part is None:
            others.append(entry)
        elif part in folders:
            raise DataError(f"{root}: got the folders {folders[part].name} and {entry.name}, allowed: one of them")
        else:
            folders[part] = entry
    if not folders.keys() & {"train", "test"}:
        return {}
    for entry in others if reading > 1 else ():
        if entry.is_dir():
            passed.add("folders beside the parts", entry)
        elif entry.suffix.lower() in suffixes():
            passed.add("images beside the parts", entry)
    return folders


def class_images(folder: Path, least: int, reading: int, passed: PassedOver) -> list[Path]:
    """The images in a folder and its subfolders, as torchvision reads a class; raises `DataError` for too few."""
    if reading == 1:
        return list_images(folder, least, reading)
    paths, other_files, dangling_links = [], 0, 0
    for path in _walk(folder, frozenset()):
        if path.is_symlink() and not path.exists():
            dangling_links += 1
            passed.add("links that lead nowhere", path)
        elif path.suffix.lower() in suffixes():
            paths.append(path)
        else:
            other_files += 1
            passed.add("files that are no images by their suffix", path)
    counts = {"files with another suffix": other_files, "links that lead nowhere": dangling_links}
    reasons = [f"{count} {what}" for what, count in counts.items() if count]
    check_enough(folder, len(paths), least, f" (and {', '.join(reasons)})" if reasons else "")
    return paths


def _walk(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    """The files in a folder and its subfolders, sorted; a link to a folder above is not followed again."""
    place = os.path.realpath(folder)
    if place in above:
        return
    for entry in list_folder(folder):
        if entry.is_dir():
            yield from _walk(entry, above | {place})
        else:
            yield entry
