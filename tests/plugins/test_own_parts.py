"""A file outside the package brings an op, images, a metric and so on; an INI file uses them by name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from examples import mnist_neat, train_architecture
from neat_deep.base.errors import ConfigError, SearchError
from neat_deep.base.plugins import load_plugins
from neat_deep.cli.main import run
from neat_deep.config.experiment_file import load_experiment, read_settings_text
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from tests.support.random_cells import DIGITS_INI

PLUGIN = '''
import torch
from torch import nn

from neat_deep import (
    Architecture, Candidate, CellGraph, CellNode, Edge, register_activation, register_aggregation, register_dataset,
    register_metric, register_objective, register_op, register_strategy,
)
from neat_deep.data import ImageSource, LabelledImages


class Gain(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x, mask=None):
        return x * self.gain


@register_op("gain", ranks={2}, parametric=True)
def gain(spec):
    """a learned factor for each channel"""
    return Gain(spec.channels)


@register_activation("sine", summary="sin(x)")
def sine(x):
    return torch.sin(x)


@register_aggregation("greater", commutative=True, summary="the greater of the two")
def greater(first, second):
    return torch.maximum(first, second)


@register_metric("gains", summary="learned factors")
def gains(measured):
    return sum(module.gain.numel() for module in measured.network.modules() if isinstance(module, Gain))


@register_objective("many_gains", metrics=("gains",), summary="the more gains, the better")
def many_gains(metrics):
    return metrics["gains"] / 1000  # below [NEAT] fitness_threshold, which would end the search


class FirstThingsFirst:
    """Proposes the same few cells whatever they score."""

    def __init__(self, context):
        self.context, self.count = context, 0

    def ask(self, count):
        candidates = []
        for _ in range(count):
            op = self.context.space.ops[self.count % len(self.context.space.ops)]
            cell = CellGraph(1, (CellNode((Edge(0, op),)),))
            candidates.append(Candidate(self.count, Architecture(cell, self.context.skeleton)))
            self.count += 1
        return candidates

    def tell(self, scores):
        pass

    def state(self):
        return {"count": self.count}

    def restore(self, state):
        self.count = state["count"]


register_strategy("first", summary="the same few cells")(FirstThingsFirst)


@register_dataset("halves", rank=2, summary="bright above or bright below")
def halves(settings):
    return ImageSource(("above", "below"), images(96, 0), lambda: images(32, 1))


@register_dataset("untested", rank=2, summary="halves without a test part")
def untested(settings):
    return ImageSource(("above", "below"), images(96, 0), None)


def images(count, seed):
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 120, (count, 1, 6, 6), generator=generator, dtype=torch.uint8)
    labels = torch.arange(count) % 2
    for index, label in enumerate(labels.tolist()):
        pixels[index, 0, 3 * label : 3 * label + 3] += 100
    return LabelledImages(pixels, labels)
'''
SMALL = {
    "pop_size": "4", "generations": "2", "channels": "4", "cells": "1", "reduce_after": "", "elitism": "1",
    "train_subset": "0", "epochs": "1", "batch_size": "32",
    "op_default": "random", "activation_default": "random", "aggregation_default": "random",
}  # fmt: skip
# What the plugin brings, and how the file uses it.
PARTS = {
    "an op": {"op_options": "gain"},
    "an activation": {"activation_options": "sine"},
    "an aggregation": {"aggregation_options": "greater"},
    "a data set of images": {},
    "a metric and an objective": {"objective": "many_gains", "op_options": "gain"},
}

pytestmark = pytest.mark.usefixtures("registrations")


@pytest.fixture(autouse=True)
def in_a_folder_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a user has there is the plugin."""
    monkeypatch.chdir(tmp_path)
    Path("my_parts.py").write_text(PLUGIN)


def ini(objective: str = "accuracy", **changes: str) -> Path:
    """The experiment on digits, made small, on the plugin's images."""
    text = re.sub(r"(?m)^#.*\n", "", DIGITS_INI.read_text())
    for key, value in {**SMALL, "dataset": "halves", **changes}.items():
        text, count = re.subn(rf"(?m)^{key} =.*$", f"{key} = {value}", text)
        assert count, key
    text = text.replace("[Run]\n", "[Run]\nplugins = my_parts.py\n")
    text = text.replace("[Fitness]\n", f"[Fitness]\nobjective = {objective}\n")
    Path("mine.ini").write_text(text)
    return Path("mine.ini")


@pytest.mark.parametrize("part", PARTS)
def test_a_search_uses_what_the_plugin_brings(part: str) -> None:
    mnist_neat.main(["--config", str(ini(**PARTS[part])), "--out", "run", "--workers", "0"])
    with RunStore.read(Path("run")) as store:
        assert len(store.generations()) == 2
        evaluations = store.evaluations()
    assert '"halves"' in Path("run/result.json").read_text()
    if "objective" in PARTS[part]:
        assert max(evaluation.metrics["gains"] for evaluation in evaluations) > 0
    else:
        assert all(name in Path("run/best.json").read_text() for name in PARTS[part].values())


def test_a_search_by_a_strategy_of_ones_own() -> None:
    config = ini(op_options="identity sep_conv_1 gain")
    config.write_text(config.read_text() + "\n[Search]\nstrategy = first\ngeneration_size = 2\n")
    run(["search", str(config), "--out", "run", "--workers", "0"])
    with RunStore.read(Path("run")) as store:
        ops = [store.architecture(row.digest).cell.nodes[0].edges[0].op for row in store.evaluations()]
    assert sorted(ops) == ["gain", "identity", "sep_conv_1"]
    run(["resume", "run", "--plugin", "my_parts.py", "--generations", "3", "--workers", "0"])
    with RunStore.read(Path("run")) as store:
        assert len(store.generations()) == 3


def test_images_without_a_test_part_end_in_a_trained_network(capsys: pytest.CaptureFixture[str]) -> None:
    config = ini(dataset="untested")
    run(["search", str(config), "--out", "run", "--workers", "0", "--retrainings", "2"])
    assert "the data have no test part" in capsys.readouterr().out
    assert json.loads(Path("run/result.json").read_text())["test_accuracies"] == [None, None]
    Image.new("L", (6, 6), 128).save("some.png")
    run(["classify", "run", "some.png"])
    assert "some.png" in capsys.readouterr().out
    run(["resume", "run", "--plugin", "my_parts.py", "--retrainings", "2"])
    assert "the search is done" in capsys.readouterr().out
    with pytest.raises(SearchError, match="data set 'untested': it has no test part"):
        run(["ensemble", "run", "--plugin", "my_parts.py"])


def test_the_strategy_of_the_option_stands_over_the_one_of_the_file() -> None:
    config = ini(op_options="identity sep_conv_1 gain")  # for neat-python
    run(["search", str(config), "--strategy", "first", "--out", "run", "--workers", "0", "--population", "2"])
    with RunStore.read(Path("run")) as store:
        ops = [store.architecture(row.digest).cell.nodes[0].edges[0].op for row in store.evaluations()]
    assert sorted(ops) == ["gain", "identity", "sep_conv_1"]
    words = ["resume", "run", "--plugin", "my_parts.py", "--generations", "3", "--workers", "0"]
    with pytest.raises(ConfigError, match="--strategy: got neat, the run has first"):
        run([*words, "--strategy", "neat"])
    run([*words, "--strategy", "first"])
    with RunStore.read(Path("run")) as store:
        assert len(store.generations()) == 3


def test_workers_import_the_plugin_too() -> None:
    """In a process of its own, where nothing but the INI file can have told of the plugin."""
    changes = {"op_options": "gain sep_conv_3", "activation_options": "sine", "aggregation_options": "greater"}
    config = ini(objective="many_gains", **changes)
    words = ["--config", str(config), "--threads", "1"]
    command = [sys.executable, mnist_neat.__file__, *words, "--out", "of_workers", "--workers", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with RunStore.read(Path("of_workers")) as store:
        assert "raised" not in {row.status for row in store.evaluations()}
    mnist_neat.main([*words, "--out", "here", "--workers", "0"])
    assert Architecture.load("of_workers/best.json") == Architecture.load("here/best.json")


def test_a_run_whose_folder_names_a_plugin_runs_it_only_when_the_user_names_it_too(tmp_path: Path) -> None:
    config = ini(op_options="gain")
    mnist_neat.main(["--config", str(config), "--out", "run", "--workers", "0"])
    Path("my_parts.py").rename("moved.py")
    evil = Path("my_parts.py")
    evil.write_text("from pathlib import Path\nPath('pwned').touch()\n" + PLUGIN)

    def resume(*options: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            mnist_neat.__file__,
            "--resume",
            "run",
            "--generations",
            "3",
            "--workers",
            "0",
            *options,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    refused = resume()
    assert refused.returncode == 2
    assert "--resume: the run's settings: [Run] plugins: the run needs my_parts.py" in refused.stderr
    assert "--plugin my_parts.py" in refused.stderr
    assert not Path("pwned").exists()
    evil.unlink()
    Path("elsewhere").mkdir()
    Path("moved.py").rename("elsewhere/my_parts.py")
    done = resume("--plugin", "elsewhere/my_parts.py")
    assert done.returncode == 0, done.stderr
    with RunStore.read(Path("run")) as store:
        assert len(store.generations()) == 3


def test_an_option_names_a_plugin_as_the_file_does() -> None:
    config = ini(op_options="gain")
    config.write_text(config.read_text().replace("plugins = my_parts.py\n", ""))
    with pytest.raises(ConfigError, match="unknown data set 'halves'"):
        load_experiment(config)
    mnist_neat.main(["--config", str(config), "--out", "run", "--plugin", "my_parts.py", "--workers", "0"])
    with RunStore.read(Path("run")) as store:
        settings = store.fact("settings")
    assert read_settings_text(settings).run.plugins == ("my_parts.py",)


def test_one_network_is_trained_with_the_plugin_of_its_file() -> None:
    config = ini(op_options="gain")
    load_plugins(["my_parts.py"])
    from neat_deep import CellGraph, CellNode, Edge, Skeleton

    cell = CellGraph(1, (CellNode((Edge(0, "gain", "sine"),)),))
    Architecture(cell, Skeleton(channels=4, cells=1)).save("mine.json")
    train_architecture.main(["mine.json", "--config", str(config), "--out", "trained"])
    assert Path("trained/trained.pt").is_file()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("plugins = gone.py", r"mine.ini: \[Run\] plugin gone.py: there is no such file"),
        ("plugins = my_parts.py  gone.py", r"mine.ini: \[Run\] plugin gone.py: there is no such file"),
    ],
)
def test_a_plugin_in_the_file_that_cannot_be_loaded(line: str, message: str) -> None:
    config = ini()
    config.write_text(config.read_text().replace("plugins = my_parts.py", line).replace("halves", "digits"))
    with pytest.raises(ConfigError, match=message):
        load_experiment(config)
