"""The registry of data sets: facts without torch, and a data set of a user's own."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch

from neat_deep.base.errors import ConfigError, DataError, UnknownNameError
from neat_deep.data import (
    DATASETS,
    IN_MEMORY,
    DataSettings,
    ImageSource,
    LabelledImages,
    LabelledTexts,
    TextSource,
    load_dataset,
    register_dataset,
)


@pytest.mark.parametrize("module", ["neat_deep.data.registry", "neat_deep.data.settings", "neat_deep.data"])
def test_facts_and_settings_cost_no_torch(module: str) -> None:
    code = (
        f"import sys, {module}; from neat_deep.data import DATASETS, DataSettings;"
        "DataSettings('digits'); list(DATASETS); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", list(DATASETS))
def test_every_data_set_has_a_line_and_a_reader(name: str) -> None:
    info = DATASETS.get(name)
    assert 5 < len(info.summary) < 100 and info.rank in (1, 2)
    assert callable(DATASETS.load(name))


def images(count: int = 8) -> LabelledImages:
    return LabelledImages(torch.zeros(count, 1, 4, 4, dtype=torch.uint8), torch.arange(count) % 2)


def texts(*lines: str) -> LabelledTexts:
    return LabelledTexts(lines, torch.arange(len(lines)) % 2, tuple(f"memory:{n}" for n in range(len(lines))))


@pytest.mark.usefixtures("registrations")
def test_images_of_ones_own() -> None:
    @register_dataset("mine", rank=2, summary="nothing to see")
    def mine(settings: DataSettings) -> ImageSource:
        return ImageSource((settings.root, "dark"), images(), lambda: images(2))

    dataset = load_dataset(DataSettings("mine", root="black", validation=0.25))
    assert (dataset.spec.name, dataset.spec.class_names) == ("mine", ("black", "dark"))
    assert (len(dataset.train), len(dataset.validation), len(dataset.read_test())) == (6, 2, 2)


@pytest.mark.usefixtures("registrations")
def test_texts_of_ones_own() -> None:
    lines = texts("good film", "bad film", "good cast", "bad cast")

    @register_dataset("mine", rank=1)
    def mine(settings: DataSettings) -> TextSource:
        return TextSource(("good", "bad"), lines, None, lines)

    dataset = load_dataset(DataSettings("mine", validation=0.5))
    assert (dataset.spec.rank, len(dataset.read_test())) == (1, 4)


@pytest.mark.usefixtures("registrations")
@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "data set 'mine': its reader returned NoneType, allowed: ImageSource"),
        (TextSource(("a", "b"), texts("x", "y"), None, texts("x")), "returned TextSource, allowed: ImageSource"),
    ],
)
def test_a_reader_that_returns_something_else(source: Any, message: str) -> None:
    register_dataset("mine", rank=2)(lambda settings: source)
    with pytest.raises(DataError, match=message):
        load_dataset(DataSettings("mine"))


def test_bad_registrations() -> None:
    with pytest.raises(ConfigError, match=r"data set 'mine': rank: got 3, allowed: 1 \(texts\), 2 \(images\)"):
        register_dataset("mine", rank=3)
    with pytest.raises(ConfigError, match="data set name 'mnist' is taken"):
        register_dataset("mnist", rank=2)(lambda settings: None)
    with pytest.raises(UnknownNameError, match="unknown data set 'minst'; did you mean 'mnist'"):
        DataSettings("minst")


def test_data_of_a_program_come_from_no_file() -> None:
    with pytest.raises(ConfigError, match="got 'memory', data that a Python program had in its memory"):
        load_dataset(DataSettings(IN_MEMORY))
    with pytest.raises(ConfigError, match="data set name 'memory' is taken"):
        register_dataset(IN_MEMORY, rank=2)(load_dataset)
