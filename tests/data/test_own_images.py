"""Images as people have them: transparent, of 16 bits, in folders of many layouts; what is unused is said."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from neat_deep.base.errors import DataError
from neat_deep.data import DataSettings, load_dataset
from neat_deep.data.images.image_files import read_images
from neat_deep.data.images.image_folder import read_folder_of_images

NOISE = random.Random(3)


def picture(path: Path) -> None:
    """A picture like no other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.frombuffer(NOISE.randbytes(8 * 8 * 3), dtype=np.uint8).reshape(8, 8, 3)
    Image.fromarray(pixels).save(path)


def pictures(folder: Path, count: int = 3, suffix: str = "png") -> None:
    for number in range(count):
        picture(folder / f"{number}.{suffix}")


def parts(root: Path, *names: str) -> None:
    for name in names:
        for kind in ("cat", "dog"):
            pictures(root / name / kind)


# --- transparency and depth ------------------------------------------------------------------------------------------


def drawing(mode: str) -> Image.Image:
    """A black bar on the left of a transparent ground."""
    alpha = np.zeros((8, 8), dtype=np.uint8)
    alpha[:, :4] = 255
    rgba = Image.fromarray(np.dstack([np.zeros((8, 8, 3), dtype=np.uint8), alpha]))
    if mode == "P":
        image = Image.new("P", (8, 8), 0)
        image.putpalette([0, 0, 0, 0, 0, 0])
        image.paste(1, (0, 0, 4, 8))
        image.info["transparency"] = 0
        return image
    if mode in ("L", "RGB"):  # one colour stands for transparent
        image = Image.new(mode, (8, 8), 1 if mode == "L" else (0, 0, 1))
        image.paste(0 if mode == "L" else (0, 0, 0), (0, 0, 4, 8))
        image.info["transparency"] = 1 if mode == "L" else (0, 0, 1)
        return image
    return rgba.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_transparent_is_white(mode: str, channels: int, tmp_path: Path) -> None:
    image = drawing(mode)
    image.save(tmp_path / "a.png", transparency=image.info.get("transparency"))
    (pixels,) = read_images([tmp_path / "a.png"], (channels, 8, 8))
    assert (pixels[:, :, :4] == 0).all() and (pixels[:, :, 4:] == 255).all()


def test_half_transparent_is_half_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (255, 0, 0, 128)).save(tmp_path / "a.png")
    (pixels,) = read_images([tmp_path / "a.png"], (3, 4, 4))
    assert pixels[:, 0, 0].tolist() == [255, 127, 127]


def test_a_run_that_began_with_the_older_reading_keeps_it(tmp_path: Path) -> None:
    drawing("RGBA").save(tmp_path / "a.png")
    (pixels,) = read_images([tmp_path / "a.png"], (3, 8, 8), reading=1)
    assert not pixels.any()
    parts(tmp_path / "set", "train", "val", "test")
    picture(tmp_path / "set" / "train" / "cat" / "more" / "deep.png")
    assert len(read_folder_of_images(tmp_path / "set", 8, reading=1).train.labels) == 6
    assert read_folder_of_images(tmp_path / "set", 8, reading=1).validation is None


@pytest.mark.parametrize("suffix", ["png", "tiff", "pgm"])
@pytest.mark.parametrize("value", [0, 257, 30_000, 65_535])
def test_grey_images_of_16_bits_are_divided(suffix: str, value: int, tmp_path: Path) -> None:
    pixels = np.full((8, 8), value, dtype=np.uint16)
    pixels[0, 0] = 65_535
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}")
    deep: list[Path] = []
    (read,) = read_images([tmp_path / f"a.{suffix}"], (3, 8, 8), deep=deep)
    assert read[0, 4, 4] == round(value / 257) and read[0, 0, 0] == 255
    assert deep == [tmp_path / f"a.{suffix}"]


def test_what_has_one_colour_or_16_bits_is_noted(tmp_path: Path) -> None:
    parts(tmp_path, "train", "test")
    for number in range(3):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / "train" / "dog" / f"{number}.png")
    Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000).save(tmp_path / "train" / "cat" / "0.png")
    note = load_dataset(DataSettings("image_folder", str(tmp_path), validation=0.4)).note
    assert "all images of the class dog are of one colour each" in note and "class cat" not in note
    assert "1 images of 16 bits were divided by 257, to 8 bits (the first: " in note


# --- layouts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val", "VALID"])
def test_a_validation_folder_validates(name: str, tmp_path: Path) -> None:
    parts(tmp_path, "train", name, "test")
    dataset = load_dataset(DataSettings("image_folder", str(tmp_path), image_size=8))
    own = read_images(sorted((tmp_path / name).rglob("*.png")), (3, 8, 8))
    assert len(dataset.train) == len(dataset.validation) == len(dataset.read_test()) == 6
    assert torch.equal(dataset.validation.images, own)
    assert f"{name}/ validates" in dataset.note
    assert len(dataset.for_retraining().train) == 12


@pytest.mark.parametrize("names", [("Train", "Test"), ("TRAIN", "test"), ("train", "Testing"), ("Training", "TEST")])
def test_the_letters_case_of_parts_is_no_matter(names: tuple[str, str], tmp_path: Path) -> None:
    parts(tmp_path, *names)
    source = read_folder_of_images(tmp_path, 8)
    assert source.class_names == ("cat", "dog") and len(source.train.labels) == 6
    assert source.note == ""


@pytest.mark.parametrize("suffix", ["jfif", "JPG", "jp2", "tga", "pcx", "qoi", "dib"])
def test_every_suffix_that_pillow_reads(suffix: str, tmp_path: Path) -> None:
    parts(tmp_path, "train", "test")
    pictures(tmp_path / "train" / "cat", 2, suffix)
    source = read_folder_of_images(tmp_path, 8)
    assert len(source.train.labels) == 8 and source.note == ""


@pytest.mark.parametrize("place", ["2024", "a/b/c", "left eye", "third.png"])
def test_subfolders_of_a_class_belong_to_it(place: str, tmp_path: Path) -> None:
    for kind in ("cat", "dog"):
        pictures(tmp_path / kind)
        pictures(tmp_path / kind / place, 2)
    source = read_folder_of_images(tmp_path, 8)
    assert len(source.train.labels) + len(source.read_test().labels) == 10  # type: ignore[misc]


def test_a_link_to_a_folder_above_is_no_endless_loop(tmp_path: Path) -> None:
    for kind in ("cat", "dog"):
        pictures(tmp_path / kind)
    (tmp_path / "cat" / "again").symlink_to(tmp_path / "cat")
    assert read_folder_of_images(tmp_path, 8).class_names == ("cat", "dog")


def text(root: Path) -> None:
    (root / "train" / "cat" / "notes.txt").write_text("a cat")


def link(root: Path) -> None:
    (root / "train" / "cat" / "gone.png").symlink_to(root / "nowhere.png")


def beside(root: Path) -> None:
    picture(root / "train" / "loose.png")


def folder(root: Path) -> None:
    pictures(root / "extra" / "cat")


def loose(root: Path) -> None:
    picture(root / "cover.png")


def archive(root: Path) -> None:
    pictures(root / "train" / "__MACOSX")


@pytest.mark.parametrize(
    ("add", "says"),
    [
        (text, "1 files that are no images by their suffix (train/cat/notes.txt)"),
        (link, "1 links that lead nowhere (train/cat/gone.png)"),
        (beside, "1 entries beside the class folders (train/loose.png)"),
        (folder, "1 folders beside the parts (extra)"),
        (loose, "1 images beside the parts (cover.png)"),
        (archive, "1 entries beside the class folders (train/__MACOSX)"),
    ],
)
def test_what_is_passed_over_is_counted(add: Callable[[Path], None], says: str, tmp_path: Path) -> None:
    parts(tmp_path, "train", "test")
    add(tmp_path)
    source = read_folder_of_images(tmp_path, 8)
    assert source.note == f"passed over: {says}"
    assert len(source.train.labels) == 6


@pytest.mark.parametrize("add", [text, link])
def test_a_class_without_images_says_what_is_there(add: Callable[[Path], None], tmp_path: Path) -> None:
    parts(tmp_path, "train", "test")
    for path in (tmp_path / "train" / "cat").iterdir():
        path.unlink()
    add(tmp_path)
    kind = "files with another suffix" if add is text else "links that lead nowhere"
    with pytest.raises(DataError, match=rf"train/cat: images: got 0 \(and 1 {kind}\), allowed: 2 or more"):
        read_folder_of_images(tmp_path, 8)


@pytest.mark.parametrize("names", [("train", "Train"), ("val", "valid"), ("test", "Test")])
def test_two_folders_of_a_part_are_refused(names: tuple[str, str], tmp_path: Path) -> None:
    parts(tmp_path, *{"train", "test", *names})
    with pytest.raises(DataError, match=r"got the folders \w+ and \w+, allowed: one of them"):
        read_folder_of_images(tmp_path, 8)


def test_classes_may_be_called_as_parts_are(tmp_path: Path) -> None:
    for kind in ("valid", "invalid"):
        pictures(tmp_path / kind)
    assert read_folder_of_images(tmp_path, 8).class_names == ("invalid", "valid")
