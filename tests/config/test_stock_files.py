"""A file for neat-python alone: what it takes to make it one of ours is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from neat_deep.base.errors import ConfigError
from neat_deep.config.experiment_file import load_experiment, load_training_plan
from tests.support.command import run_command
from tests.support.random_cells import DIGITS_INI

XOR = """[NEAT]
fitness_criterion = max
fitness_threshold = 3.9
pop_size = 150
reset_on_extinction = False
[DefaultGenome]
activation_default = sigmoid
num_inputs = 2
[DefaultSpeciesSet]
compatibility_threshold = 3.0
[DefaultStagnation]
max_stagnation = 20
[DefaultReproduction]
elitism = 2
"""
FLAPPY_BIRD = XOR.replace("num_inputs = 2", "num_inputs = 3").replace("pop_size = 150", "pop_size = 50")
LUNAR_LANDER = XOR.replace("DefaultGenome", "LanderGenome")  # a genome class of its own
NO_REPRODUCTION = XOR.partition("[DefaultReproduction]")[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (XOR, "[DefaultReproduction] becomes [CellReproduction]"),
        (FLAPPY_BIRD, "[Data], [Network], [Training], [Fitness], [Run] are added"),
        (NO_REPRODUCTION, "[CellGenome], with op_, activation_ and aggregation_ keys of ours, and [Data]"),
        (XOR + "[Data]\ndataset = digits\n[Run]\n", "and [Network], [Training], [Fitness] are added"),
    ],
    ids=["xor", "flappy bird", "no reproduction", "half"],
)
def test_an_ordinary_file_is_told_how_to_become_one_of_ours(
    text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config-feedforward"
    path.write_text(text)
    for load in (load_experiment, load_training_plan):
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert says in str(caught.value)
        assert "[DefaultGenome] becomes [CellGenome]" in str(caught.value)
    monkeypatch.chdir(tmp_path)
    assert run_command(monkeypatch, "search", path) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and says in message and "neat-deep init digits" in message
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_genome_class_of_its_own_lacks_sections_by_name(tmp_path: Path) -> None:
    path = tmp_path / "lander.ini"
    path.write_text(LUNAR_LANDER)
    with pytest.raises(ConfigError, match=r"\[Data\] is missing"):
        load_experiment(path)


def test_a_file_for_both_is_read(tmp_path: Path) -> None:
    path = tmp_path / "both.ini"
    path.write_text(DIGITS_INI.read_text() + "\n[DefaultGenome]\nnum_inputs = 2\n")
    assert load_experiment(path).run == load_experiment(DIGITS_INI).run
