"""What a trained network says about image files: the same as about the data set, whatever their sizes and modes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from neat_deep.base.errors import ArchitectureError, DataError
from neat_deep.data import Dataset, DataSpec, ImageSplit
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.prediction import ImageClassifier, load_image_classifier
from neat_deep.training.retraining import retrain
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.trained_file import Trained
from tests.support.example_scripts import EXAMPLES, run_example
from tests.support.toy_data import SPEC, dataset, stripes

SCRIPT = EXAMPLES / "classify_images.py"
CELL = CellGraph(1, (CellNode((Edge(0, "sep_conv_3", "relu"), Edge(0, "sep_conv_5", "relu"))),))
NAMES = SPEC.class_names


def train(data: Dataset) -> Trained:
    settings = TrainingSettings(epochs=6, batch_size=16, learning_rate=0.02)
    return retrain(
        Architecture(CELL, Skeleton(channels=4, cells=1)), data, settings, device=torch.device("cpu"), seed=0
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that knows rows from columns."""
    path = tmp_path_factory.mktemp("trained") / "trained.pt"
    train(dataset()).save(path)
    return path


def write(folder: Path, count: int = 300) -> tuple[list[Path], list[str]]:
    """Images that no training saw, as files, with their classes."""
    split = stripes(count, 7)
    paths = []
    for index in range(count):
        path = folder / f"{index:03}.png"
        Image.fromarray(split.images[index, 0].numpy()).save(path)
        paths.append(path)
    return paths, [NAMES[label] for label in split.labels.tolist()]


def test_files_are_classified_in_their_order(trained: Path, tmp_path: Path) -> None:
    """More than one batch of them, each as if it were alone."""
    classifier = load_image_classifier(trained)
    paths, classes = write(tmp_path)
    found = classifier(paths)
    right = [guess.class_name == name for guess, name in zip(found, classes, strict=True)]
    assert sum(right) / len(right) > 0.9
    assert all(0.5 <= guess.probability <= 1 for guess in found)
    for place in (0, 1, 299):
        (alone,) = classifier([str(paths[place])])
        assert alone.class_name == found[place].class_name
        assert alone.probability == pytest.approx(found[place].probability, abs=1e-5)
    assert classifier([]) == []


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_sizes_and_modes_are_brought_to_the_training_images(mode: str, trained: Path, tmp_path: Path) -> None:
    classifier = load_image_classifier(trained)
    (path, *_), _ = write(tmp_path, 2)
    (wanted,) = classifier([path])
    with Image.open(path) as image:
        image.convert(mode).resize((36, 36), Image.Resampling.NEAREST).save(tmp_path / "large.png")
    (found,) = classifier([tmp_path / "large.png"])
    assert found.class_name == wanted.class_name
    assert found.probability == pytest.approx(wanted.probability, abs=0.1)


def test_a_script_classifies_files_and_folders(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("more", "more/zoo"):
        (tmp_path / folder).mkdir()
    (tmp_path / "more" / "zoo" / "back").symlink_to(tmp_path / "more")  # it does not go round for ever
    (tmp_path / "more" / "nowhere.png").symlink_to(tmp_path / "absent.png")
    first, *_ = write(tmp_path, 2)[0]
    more, _ = write(tmp_path / "more", 3)
    below, _ = write(tmp_path / "more" / "zoo", 2)
    (tmp_path / "more" / "notes.txt").write_text("not an image")
    run_example(monkeypatch, SCRIPT.name, trained, first, tmp_path / "more")
    told = capsys.readouterr()
    assert f"{tmp_path / 'more'}: passed over: 1 files that are no images by their suffix (notes.txt)" in told.err
    assert "1 links that lead nowhere (nowhere.png)" in told.err
    lines = [line.split("\t") for line in told.out.splitlines()]
    assert [path for _, _, path in lines] == [str(path) for path in [first, *more, *below]]
    assert {name for name, _, _ in lines} <= set(NAMES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("trained.pt absent.png", "cannot read the image absent.png: No such file or directory"),
        ("trained.pt broken.png", "cannot read the image broken.png: "),
        ("trained.pt empty", "empty: images: got 0, allowed: 1 or more (suffixes .bmp, "),
        ("absent.pt broken.png", "cannot read trained network absent.pt: No such file or directory"),
        ("broken.png broken.png", "broken.png: not a trained network"),
    ],
)
def test_a_script_says_what_is_wrong(
    arguments: str,
    message: str,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trained.pt").write_bytes(trained.read_bytes())
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit) as ended:
        run_example(monkeypatch, SCRIPT.name, *arguments.split())
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert message in said.err and said.out == ""


def test_names_that_the_screen_cannot_show_are_spelt_out(trained: Path, tmp_path: Path) -> None:
    first, second = write(tmp_path, 2)[0]
    odd = tmp_path / "caf\xe9.png"
    first.rename(odd)
    command = [sys.executable, str(SCRIPT), str(trained), str(odd), str(second)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert [line.split("\t")[2] for line in done.stdout.splitlines()] == [str(tmp_path / r"caf\xe9.png"), str(second)]


def test_a_reader_that_goes_early_ends_it_without_a_traceback(trained: Path, tmp_path: Path) -> None:
    image = write(tmp_path, 1)[0][0]
    command = [sys.executable, str(SCRIPT), str(trained), str(image)]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert done.returncode == 141
    assert done.stderr == "stopped: nobody reads the output any more\n"


def test_networks_for_colours_read_colours(tmp_path: Path) -> None:
    """Red of 100 and blue of 255 are one grey; no image file has two channels."""
    spec = DataSpec("colours", 2, 2, ("red", "blue"), (3, 6, 6), (0.3,) * 3, (0.3,) * 3)
    images = torch.zeros(32, 3, 6, 6, dtype=torch.uint8)
    images[::2, 0], images[1::2, 2] = 100, 255
    split = ImageSplit(images, torch.arange(32) % 2, spec)
    train(Dataset(spec, split, split, lambda: split)).save(tmp_path / "trained.pt")
    for index, name in enumerate(("red", "blue")):
        Image.fromarray(images[index].permute(1, 2, 0).numpy()).save(tmp_path / f"{name}.png")
    found = load_image_classifier(tmp_path / "trained.pt")([tmp_path / "red.png", tmp_path / "blue.png"])
    assert [guess.class_name for guess in found] == ["red", "blue"]
    with pytest.raises(ArchitectureError, match=r"images of 2 channels, allowed: 1 or 3"):
        ImageClassifier(torch.nn.Identity(), replace(spec, shape=(2, 6, 6)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("digit.png", "images: got one path, allowed: a list of paths"),
        (Path("digit.png"), "images: got one path, allowed: a list of paths"),
        (None, "images: got NoneType, allowed: a list of paths"),
        (["a.png", 3], "image 2: got int, allowed: a path"),
    ],
)
def test_what_is_no_list_of_paths_is_refused(images: Any, message: str, trained: Path) -> None:
    with pytest.raises(DataError, match=message):
        load_image_classifier(trained)(images)


def test_outputs_that_are_no_numbers_are_no_prediction(trained: Path, tmp_path: Path) -> None:
    classifier = load_image_classifier(trained)
    for weight in classifier.network.parameters():
        torch.nn.init.constant_(weight, float("nan"))
    with pytest.raises(ArchitectureError, match="the network's outputs are not finite numbers"):
        classifier(write(tmp_path, 1)[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_names": ("row",)}, "data: class_names: got 1, allowed: 2"),
        ({"mean": (0.3, 0.3)}, "data: mean: got 2, allowed: 1"),
        ({"std": ()}, "data: std: got 0, allowed: 1"),
        ({"std": (0.0,)}, r"data: std: got \(0.0,\), allowed: numbers above 0"),
    ],
)
def test_facts_that_do_not_fit_are_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    found = train(dataset(16, 8))
    replace(found, data=replace(found.data, **change)).save(tmp_path / "trained.pt")
    with pytest.raises(ArchitectureError, match=f"trained.pt: {message}"):
        load_image_classifier(tmp_path / "trained.pt")
