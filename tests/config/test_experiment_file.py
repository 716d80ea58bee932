"""INI files: what is read, and what every shipped file promises. Bad input has its own file."""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass, field, fields, is_dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from neat_deep.base.errors import ConfigError
from neat_deep.config.experiment_file import load_experiment, read_settings_text, settings_text
from neat_deep.config.ini import read_section
from neat_deep.config.run_settings import RunSettings
from neat_deep.data import Augmentation
from neat_deep.ops import list_ops
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.training.settings import TrainingSettings
from tests.support.random_cells import DIGITS_INI

CONFIGS = sorted(DIGITS_INI.parent.glob("*_neat*.ini"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_shipped_files_load(path: Path) -> None:
    experiment = load_experiment(path)
    assert experiment.run.out.startswith("runs/")
    assert experiment.neat.genome_config.feed_forward


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_saved_shipped_configuration_is_the_shipped_one(path: Path, tmp_path: Path) -> None:
    """What `Config.save` writes, with our sections put back, loads to the same settings."""
    experiment = load_experiment(path)
    saved = tmp_path / "saved.ini"
    experiment.neat.save(saved)
    ours = configparser.ConfigParser()
    ours.read(path)
    for section in ("NEAT", "CellGenome", "DefaultSpeciesSet", "DefaultStagnation", "CellReproduction"):
        ours.remove_section(section)
    with saved.open("a") as file:
        ours.write(file)
    again = load_experiment(saved)
    assert (again.data, again.network, again.training) == (experiment.data, experiment.network, experiment.training)
    for name, value in vars(experiment.neat.genome_config).items():
        if isinstance(value, (int, float, str, bool, list)) and not name.startswith("_"):
            assert getattr(again.neat.genome_config, name) == value, name


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_the_settings_that_a_run_keeps_are_the_shipped_ones(path: Path) -> None:
    experiment = load_experiment(path)
    again = read_settings_text(settings_text(experiment))
    for name in SETTINGS:
        assert getattr(again, name) == getattr(experiment, name)


def test_sections_of_other_programs_may_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "shared.ini"
    path.write_text(DIGITS_INI.read_text() + "\n[DefaultGenome]\nnum_inputs = 2\n[DefaultReproduction]\n[Plots]\n")
    assert load_experiment(path).run == load_experiment(DIGITS_INI).run
    assert [record.message for record in caplog.records] == [
        f"{path}: neither neat-deep nor neat-python reads [DefaultGenome], [DefaultReproduction], [Plots]"
    ]


RARE = (
    *("rung_share", "hyperband", "inherit", "weights_megabytes", "parameter_price", "mac_price", "latency_price"),
    *("finalists", "finalist_epochs", "finalist_seeds"),
)
RARER = ("workers", "ray_address", "ray_gpus", "reproduction")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_what_makes_searches_faster_is_set_or_stands_commented_with_its_default(path: Path) -> None:
    text = path.read_text()
    for section, settings, keys in (("Fitness", FitnessSettings(), RARE), ("Run", RunSettings(), RARER)):
        part = text.split(f"[{section}]")[1].split("\n[")[0]
        for key in keys:
            assert f"\n# {key} = {getattr(settings, key)}\n" in part or f"\n{key} = " in part, key


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_commented_keys_can_be_switched_on(path: Path, tmp_path: Path) -> None:
    """The epochs that a file's comment on `rungs` names are rungs of its search."""
    text = path.read_text()
    (example,) = re.findall(r"(?m)^# after so many epochs, such as ([\d ]+), compare .*\n# rungs =$", text)
    file = tmp_path / "on.ini"
    file.write_text(re.sub(r"(?m)^# (\w+ =(?: |$))", r"\1", text).replace("\nrungs =\n", f"\nrungs = {example}\n"))
    loaded = load_experiment(file)
    assert loaded.fitness.rungs == tuple(map(int, example.split()))
    assert loaded.run.workers == "auto"


def test_mnist_follows_the_published_experiment() -> None:
    config = load_experiment(DIGITS_INI.parent / "mnist_neat.ini")
    genome = config.neat.genome_config
    assert genome.op_mutate_rate == genome.activation_mutate_rate == 0.2
    assert sorted(genome.activation_options) == ["identity", "relu"]
    assert genome.aggregation_options == ["add"]
    assert sorted(genome.op_options) == sorted([*list_ops(rank=2), "none"])
    assert config.network.cells == 4


SETTINGS = ("data", "network", "training", "fitness", "run")  # of an `Experiment`; each is a section of that name
SET_KEY = re.compile(r"(\w+) =")
OPTIONAL_KEY = re.compile(r"# (\w+) =(?: |$)")  # `# key = default`; an empty list is nothing


def keys_of(settings: Any) -> set[str]:
    """The keys that a section may hold; the data set, not the file, decides a network's rank."""
    keys: set[str] = set()
    for f in fields(settings):
        value = getattr(settings, f.name)
        keys |= {f"{f.name}_{inner.name}" for inner in fields(value)} if is_dataclass(value) else {f.name}
    return keys - {"rank", "gated_cells"}


# Keys that say nothing to experiments of the other kind, whose files do without them.
OF_TEXTS = re.compile(
    r"text_\w+|embedding_dropout|positions|ngrams|char_ngrams|ngram_\w+|frozen_vectors|augmentation_(word|token)_\w+"
)
OF_IMAGES = re.compile(r"image_size|progressive_sizes|mixup|cutmix|augmentation_(?!word_|token_)\w+")
NOT_SHOWN = {
    *("text_vectors", "plugins"),  # their default, nothing, cannot be written
    "image_reading",  # for runs of older versions
}


@pytest.mark.parametrize("path", sorted(DIGITS_INI.parent.glob("*.ini")), ids=lambda p: p.stem)
def test_every_key_of_a_shipped_file_has_its_comment(path: Path) -> None:
    lines = path.read_text().splitlines()
    for above, line in pairwise(lines):
        if SET_KEY.match(line) or OPTIONAL_KEY.match(line):
            assert above.startswith("# ") and not OPTIONAL_KEY.match(above), line


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_shipped_files_show_every_optional_key_at_its_default(path: Path, tmp_path: Path) -> None:
    experiment = load_experiment(path)
    text = path.read_text()
    for name in SETTINGS:
        (section,) = re.findall(rf"(?ms)^\[{name.title()}\]$(.*?)(?=^\[|\Z)", text)
        shown = [key for line in section.splitlines() for key in re.findall(r"^(?:# )?(\w+) =", line)]
        foreign = OF_IMAGES if experiment.data.dataset == "sst2" else OF_TEXTS
        keys = {key for key in keys_of(getattr(experiment, name)) - NOT_SHOWN if not foreign.fullmatch(key)}
        assert sorted(shown) == sorted(keys), name
    bare = tmp_path / "bare.ini"
    bare.write_text(re.sub(r"(?m)^# (?=\w+ =(?: |$))", "", text))
    everything_set = load_experiment(bare)
    for name in SETTINGS:
        assert getattr(everything_set, name) == getattr(experiment, name)


@dataclass(frozen=True)
class Inner:
    size: int = 1


@dataclass(frozen=True)
class Outer:
    needed: float
    flag: bool = False
    places: tuple[int, ...] = ()
    name: str = "x"
    inner: Inner = field(default_factory=Inner)


def read(text: str) -> Outer:
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return read_section("file.ini", parser, "Outer", Outer)


def test_sections_become_dataclasses() -> None:
    text = "[Outer]\nneeded = 1e-3\nflag = TRUE\nplaces = 0 2\nname = y\ninner_size = 4\n"
    assert read(text) == Outer(0.001, True, (0, 2), "y", Inner(4))
    assert read("[Outer]\nneeded = 2\nplaces =\n") == Outer(2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[Other]\n", "file.ini: the section [Outer] is missing"),
        ("[Outer]\nflag = True\n", "file.ini: [Outer] the key 'needed' is missing"),
        ("[Outer]\nneeded = 1\ninner_sise = 2\n", "unknown key 'inner_sise'; did you mean 'inner_size'?"),
        ("[Outer]\nneeded = one\n", "[Outer] needed: got 'one', allowed: a number"),
        ("[Outer]\nneeded = 1\nflag = 1\n", "[Outer] flag: got '1', allowed: True, False"),
        ("[Outer]\nneeded = 1\nplaces = 1, 2\n", "[Outer] places: got '1, 2', allowed: whole numbers with spaces"),
        ("[Outer]\nneeded = 1 # first\n", "[Outer] needed: got '1 # first'; a comment needs a line of its own"),
        ("[Outer]\nneeded =\n", "[Outer] needed: got nothing, allowed: a number"),
        ("[Outer]\nneeded = 50%\n", "[Outer] needed: got '50%'; a share is written as 0.2, and a percent"),
    ],
)
def test_bad_sections(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        read(text)


def test_the_search_trains_as_the_final_training_but_for_its_budget() -> None:
    full = TrainingSettings(
        epochs=20, weight_decay=0.3, ema=0.9, early_stopping=2, augmentation=Augmentation(shift=2),
        mixup=0.2, cutmix=1.0, progressive_sizes=(4, 8),
    )  # fmt: skip
    budget = FitnessSettings(epochs=2, batch_size=32, learning_rate=0.1)
    short = budget.training(full)
    assert (short.epochs, short.batch_size, short.learning_rate, short.ema) == (2, 32, 0.1, 0.0)
    assert short.early_stopping == 0
    assert replace(budget, ema=0.8).training(full).ema == 0.8
    assert short.weight_decay == 0.3
    assert (short.augmentation, short.mixup, short.cutmix) == (Augmentation(), 0.0, 0.0)
    assert short.progressive_sizes == ()
    augmented = FitnessSettings(augment=True).training(full)
    assert (augmented.augmentation, augmented.mixup, augmented.cutmix) == (full.augmentation, 0.2, 1.0)


def test_a_byte_order_mark_before_the_file_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "marked.ini").write_bytes(b"\xef\xbb\xbf" + DIGITS_INI.read_bytes())
    marked, plain = load_experiment(tmp_path / "marked.ini"), load_experiment(DIGITS_INI)
    assert settings_text(marked) == settings_text(plain)
