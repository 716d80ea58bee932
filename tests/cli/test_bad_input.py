"""What a user can get wrong ends in exit code 2, one clear message and nothing half-written.

A table of cases runs the example scripts as a user does, each in a process of its own. Importing torch takes such a
process seconds, so only a few of them do that in the quick tests; and all of them, with a second, longer table, run
inside the test's process.
"""

from __future__ import annotations

import errno
import json
import os
import re
import runpy
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from neat_deep.base.errors import ConfigError
from neat_deep.config.experiment_file import load_experiment, settings_text
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from tests.support.text_files import write_folder, write_sst2

ROOT = Path(__file__).resolve().parents[2]
SEARCH, TRAIN, RANDOM = "examples/mnist_neat.py", "examples/train_architecture.py", "benchmarks/random_genomes.py"
SEARCH_TEXTS = "examples/sst2_neat.py"
CONFIG = ROOT / "configs" / "digits_neat.ini"
TEXT_CONFIG = ROOT / "configs" / "sst2_neat.ini"
ARCHITECTURE = ROOT / "configs" / "architectures" / "resnet_block.json"
TRANSFORMER = ROOT / "configs" / "architectures" / "transformer_block.json"
NO_NETWORK = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}

Prepare = Callable[[Path], None]  # changes the good input that it finds in a folder


@dataclass(frozen=True)
class Case:
    """One mistake: how the good input is spoilt, the options, and what the message must say."""

    name: str
    says: tuple[str, ...]
    prepare: tuple[Prepare, ...]
    options: str
    script: str
    argparse: bool  # the parser of a benchmark speaks: its usage comes first, and its name before 'error:'


def case(
    name: str,
    *says: str,
    prepare: Prepare | tuple[Prepare, ...] = (),
    options: str = "",
    script: str = SEARCH,
    argparse: bool = False,
) -> Case:
    """A case, with the defaults of most."""
    return Case(name, says, prepare if isinstance(prepare, tuple) else (prepare,), options, script, argparse)


# --- how the good input is spoilt --------------------------------------------------------------------------------


def ini(change: Callable[[str], str]) -> Prepare:
    """Change the text of the INI file."""

    def apply(folder: Path) -> None:
        file = folder / "experiment.ini"
        file.write_text(change(file.read_text()))

    return apply


def section_of(text: str, section: str) -> str:
    """The text of one section, header included."""
    found = re.search(rf"(?ms)^\[{section}\]$.*?(?=^\[|\Z)", text)
    assert found, f"{CONFIG} has no section [{section}]"
    return found[0]


def line(section: str, key: str, value: str) -> Prepare:
    """Set a key of the INI file to a value, or add it to the section."""

    def change(text: str) -> str:
        before = section_of(text, section)
        new = f"{key} = {value}\n"
        after, count = re.subn(rf"(?m)^{key} = .*\n", lambda _: new, before)
        return text.replace(before, after if count else before.replace("]\n", f"]\n{new}", 1))

    return ini(change)


def within(section: str, more: str) -> Prepare:
    """Add lines to the end of a section."""
    return ini(lambda text: text.replace(section_of(text, section), section_of(text, section) + more))


def without(section: str, key: str = "") -> Prepare:
    """Leave a whole section out, or one of its keys."""

    def change(text: str) -> str:
        before = section_of(text, section)
        return text.replace(before, re.sub(rf"(?m)^{key} = .*\n", "", before) if key else "")

    return ini(change)


def content(file: str, data: bytes) -> Prepare:
    """Give a file other bytes."""
    return lambda folder: put_bytes(folder / file, data)


def put_bytes(path: Path, data: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def json_value(*path: str | int, to: object) -> Prepare:
    """Set one value of the architecture's JSON."""

    def apply(folder: Path) -> None:
        file = folder / "architecture.json"
        document: Any = json.loads(file.read_text())
        inner = document
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = to
        file.write_text(json.dumps(document))

    return apply


def truncated_json(folder: Path) -> None:
    """Lose the second half of the architecture."""
    file = folder / "architecture.json"
    file.write_text(file.read_text()[:300])


def mnist(cut: str) -> Prepare:
    """MNIST's files with 20 images each, the file `cut` without its second half."""

    def apply(folder: Path) -> None:
        images = struct.pack(">4I", 0x0803, 20, 28, 28) + bytes(20 * 28 * 28)
        labels = struct.pack(">2I", 0x0801, 20) + bytes(range(10)) * 2
        for part in ("train", "t10k"):
            for name, data in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
                put_bytes(folder / "data" / "MNIST" / "raw" / name, data[: len(data) // 2] if name == cut else data)

    return apply


def images(*classes: str) -> Prepare:
    """A folder `photos` with four images of each class."""

    def apply(folder: Path) -> None:
        (folder / "photos").mkdir()
        for name in classes:
            (folder / "photos" / name).mkdir(parents=True)
            for number in range(4):
                Image.new("RGB", (8, 8), (60 * number, 0, 0)).save(folder / "photos" / name / f"{number}.png")

    return apply


def texts(file: str, data: bytes | None) -> Prepare:
    """A folder `texts` with train.tsv and test.tsv, one file of it with other bytes, or without it."""

    def apply(folder: Path) -> None:
        write_folder(folder / "texts", 20, 8)
        if data is None:
            (folder / "texts" / file).unlink()
        else:
            put_bytes(folder / "texts" / file, data)

    return apply


def sst2(file: str, data: bytes) -> Prepare:
    """A folder `texts/SST-2`, one file of it with other bytes."""

    def apply(folder: Path) -> None:
        write_sst2(folder / "texts", 20, 8, 8)
        put_bytes(folder / "texts" / "SST-2" / file, data)

    return apply


def stored_run(folder: Path) -> None:
    """A folder `run` with the store of a run that has just begun."""
    experiment = load_experiment(folder / "experiment.ini")
    meta = {"ini": experiment.text, "settings": settings_text(experiment), "data": "", "device": "cpu", "threads": "1"}
    RunStore.create(folder / "run" / "run.sqlite", meta).close()


def started_run(folder: Path) -> None:
    """The same, of a run whose first generation mutates a cell."""
    start = Architecture.load(TRANSFORMER).to_json()
    experiment = load_experiment(folder / "experiment.ini")
    meta = {"ini": experiment.text, "settings": settings_text(experiment), "start": start}
    RunStore.create(folder / "run" / "run.sqlite", meta).close()


def bare_store(folder: Path) -> None:
    """A folder `run` with a store that was told nothing about its run, as a program of one's own may make."""
    RunStore.create(folder / "run" / "run.sqlite", {}).close()


def newer_run(folder: Path) -> None:
    """The same, by a later version."""
    stored_run(folder)
    with closing(sqlite3.connect(folder / "run" / "run.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 7")


PHOTOS = "--dataset image_folder --data-root photos"
TEXTS = "--dataset tsv --data-root texts"
HEADER = b"sentence\tlabel\n"
ROWS = b"good film\t1\nbad film\t0\na good one\t1\na bad one\t0\n"  # lines 2 to 5
IMAGE_OPS = "avg_pool_3, avg_pool_5, dil_conv_1,"  # how the list of what is allowed starts
EDGE = ("cell", "nodes", 0, "edges", 0)  # of the architecture's JSON
FILE = content("taken", b"a file, no folder")

# --- the tables --------------------------------------------------------------------------------------------------


def value(section: str, key: str, given: str, says: str, *before: Prepare, script: str = SEARCH) -> Case:
    """A case of one value in the INI file; the message must name file, section and key, and then say `says`."""
    where = f"experiment.ini: [{section}] {key}: "
    return case(f"{section}-{key}", where + says, prepare=(*before, line(section, key, given)), script=script)


AS_A_USER = (
    case("ini-missing", "--config: cannot read INI file absent.ini: No such file", options="--config absent.ini"),
    case("ini-is-a-folder", "--config: cannot read INI file .: Is a directory", options="--config ."),
    case("section-missing", "experiment.ini: the section [Training] is missing", prepare=without("Training")),
    case(
        "key-unknown",
        "experiment.ini: [Training] unknown key 'epoch'; did you mean 'epochs'? known: augmentation_erase,",
        prepare=line("Training", "epoch", "3"),
    ),
    case(
        "genome-key-unknown",
        "experiment.ini: [CellGenome] unknown key 'op_option'; did you mean 'op_options'?",
        "known: activation_default,",
        prepare=line("CellGenome", "op_option", "identity"),
    ),
    case(
        "op-unknown",
        "experiment.ini: [CellGenome] unknown op 'sepconv_3' in op_options; did you mean 'sep_conv_3'?",
        "known: attention, avg_pool_3,",
        prepare=line("CellGenome", "op_options", "identity sepconv_3 none"),
    ),
    value("CellGenome", "op_options", "identity  none", "got 'identity  none', allowed: names with one space between"),
    value("CellGenome", "op_mutate_rate", "1.5", "got 1.5, allowed: 0 to 1"),
    value("Training", "epochs", "-1", "got -1, allowed: 1 or more"),
    value("NEAT", "pop_size", "1", "got 1, allowed: 2 to 100000"),
    case(
        "data-set-unknown",
        "--dataset: unknown data set 'fashion_mnits'; did you mean 'fashion_mnist'? known: cifar10, digits,",
        options="--dataset fashion_mnits",
    ),
    case(
        "no-network-no-data",
        "--dataset: cannot download train-images-idx3-ubyte.gz (",
        "Put train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte"
        " (or their .gz archives) into data/MNIST/raw",
        "the data set digits needs no download",
        options="--dataset mnist",
    ),
    case(
        "no-network-no-texts",
        "--data-root: cannot download SST-2.zip (",
        "Put the folder SST-2 (or its archive SST-2.zip) into texts",
        options="--data-root texts",
        script=SEARCH_TEXTS,
    ),
    case(
        "texts-label-unseen",
        "--dataset, --data-root: texts/test.tsv:2: label: got '2', allowed: those of texts/train.tsv: 0, 1",
        prepare=texts("test.tsv", HEADER + b"hm\t2\n"),
        options=TEXTS,
        script=SEARCH_TEXTS,
    ),
    case(
        "mnist-truncated",
        "--dataset: data/MNIST/raw/train-images-idx3-ubyte is damaged: got 7848 bytes, allowed: 15696",
        prepare=mnist(cut="train-images-idx3-ubyte"),
        options="--dataset mnist",
    ),
    case(
        "mnist-test-images-truncated",
        "--dataset: data/MNIST/raw/t10k-images-idx3-ubyte is damaged: got 7848 bytes, allowed: 15696",
        prepare=mnist(cut="t10k-images-idx3-ubyte"),
        options="--dataset mnist",
    ),
    case(
        "images-none",
        "--dataset, --data-root: photos: class folders: got none, allowed: 2 or more; the layout is <root>/train/",
        prepare=images(),
        options=PHOTOS,
    ),
    case(
        "images-of-one-class",
        "--dataset, --data-root: photos: class folders: got cats, allowed: 2 or more",
        prepare=images("cats"),
        options=PHOTOS,
    ),
    case(
        "image-broken",
        "--dataset, --data-root: cannot read the image photos/dogs/",
        prepare=(images("cats", "dogs"), *(content(f"photos/dogs/{n}.png", b"no image") for n in range(4))),
        options=PHOTOS,
    ),
    value(
        *("CellGenome", "op_options", "identity attention sep_conv_3"),
        f"got 'attention', which does not support the images of this data set; allowed: {IMAGE_OPS}",
    ),
    case(
        "architecture-version",
        "architecture.json: version: got 99, allowed: 1, 2, 3",
        prepare=json_value("version", to=99),
        script=TRAIN,
    ),
    case(
        "architecture-op",
        "architecture.json: unknown op 'sep_konv_3'; did you mean 'sep_conv_3'? known: attention,",
        prepare=json_value(*EDGE, "op", to="sep_konv_3"),
        script=TRAIN,
    ),
    case(
        "architecture-cycle",
        "architecture.json: cell: node 0: an edge reads state 4, allowed: 0 to 0",
        "would be a cycle",
        prepare=json_value(*EDGE, "source", to=4),
        script=TRAIN,
    ),
    case(
        "architecture-source",
        "architecture.json: cell: node 0: an edge reads state -1, allowed: 0 to 0",
        prepare=json_value(*EDGE, "source", to=-1),
        script=TRAIN,
    ),
    case(
        "device-absent",
        "--device: device 'cuda:99' cannot be used here; allowed: auto, cpu",
        options="--device cuda:99",
    ),
    case(
        "out-under-a-file",
        "--out: cannot make the folder taken/run: Not a directory",
        prepare=FILE,
        options="--out taken/run",
    ),
    case("retrainings-none", "--retrainings: got 0, allowed: 1 or more", options="--retrainings 0"),
    case("option-misspelt", "no such option: --popluation; did you mean --population?", options="--popluation 4"),
)

SECTIONS = (
    *("Data", "Network", "Training", "Fitness", "Run"),
    *("NEAT", "CellGenome", "DefaultSpeciesSet", "DefaultStagnation", "CellReproduction"),
)

INI_TEXT = (
    *(
        case(f"no-{name}", f"experiment.ini: the section [{name}] is missing", prepare=without(name))
        for name in SECTIONS
    ),
    *(
        case(
            f"unknown-key-{name}",
            *("experiment.ini: ", f"[{name}]", "unknown key 'flavour'", "known: "),
            prepare=line(name, "flavour", "3"),
        )
        for name in SECTIONS
    ),
    case(
        "section-misspelt",
        "experiment.ini: unknown section [Trainning]; did you mean [Training]? known: CellGenome, CellReproduction, Da",
        prepare=ini(lambda text: text.replace("[Training]", "[Trainning]")),
    ),
    case(
        "section-nearly-twice",
        "experiment.ini: unknown section [fitness]; did you mean [Fitness]?",
        prepare=within("Run", "[fitness]\nepochs = 3\n"),
    ),
    case(
        "section-of-another-class",
        "the section [CellReproduction] is missing; is it [DefaultReproduction], misspelt?",
        prepare=ini(lambda text: text.replace("[CellReproduction]", "[DefaultReproduction]")),
    ),
    case(
        "empty",
        "the section [Data] is missing; `neat-deep init DATASET` writes a file that",
        prepare=content("experiment.ini", b""),
    ),
    case("binary", "cannot read INI file experiment.ini: not UTF-8", prepare=content("experiment.ini", b"\x89\xff\0")),
    case("latin-1", "experiment.ini: not UTF-8 text (byte 5)", prepare=content("experiment.ini", b"# caf\xe9\n")),
    case(
        "json",
        "experiment.ini: line 1: got '{}', allowed before the first key: a section, as [Data]",
        prepare=content("experiment.ini", b"{}"),
    ),
    case(
        "no-equals-sign",
        "experiment.ini: line ",
        ": got 'epochs 3', allowed: [section], key = value, or # and a comment",
        prepare=within("Run", "epochs 3\n"),
    ),
    case(
        "no-equals-sign-but-backslashes",
        r": got 'D\new \data', allowed: [section], key = value, or # and a comment",
        prepare=within("Run", "D\\new \\data\n"),
    ),
    case(
        "key-twice",
        "experiment.ini: line ",
        ": [Run] x is there twice, allowed: once",
        prepare=within("Run", "x = 4\nx = 5\n"),
    ),
    case(
        "section-twice",
        "experiment.ini: line ",
        ": the section [Run] is there twice, allowed: once",
        prepare=within("Run", "[Run]\n"),
    ),
    case(
        "comment-in-list",
        "experiment.ini: [CellGenome] op_options: got 'identity ; few'; a comment needs a line of its own",
        prepare=line("CellGenome", "op_options", "identity ; few"),
    ),
    value("Training", "epochs", "3  # quick", "got '3  # quick'; a comment needs a line of its own"),
    value("Training", "batch_size", "64\n  ema = 0.9", "got '64' and 'ema = 0.9': an indented line goes on"),
    value("Run", "out", "runs/100%", "got 'runs/100%'; a share is written as 0.2, and a percent"),
    value("CellGenome", "op_default", "5%", "got '5%'; a share is written as 0.2, and a percent sign in"),
    value("Run", "seed", "", "got nothing, allowed: a whole number"),
    value("CellGenome", "node_add_prob", "", "got nothing, allowed: a number"),
    case("key-missing", "experiment.ini: [Data] the key 'dataset' is missing", prepare=without("Data", "dataset")),
    case("key-missing", "experiment.ini: [NEAT] the key 'pop_size' is missing", prepare=without("NEAT", "pop_size")),
    case("key-missing", "[CellGenome] the key 'op_options' is missing", prepare=without("CellGenome", "op_options")),
)

OWN_SECTIONS = (
    case(
        "data-set",
        "experiment.ini: [Data] unknown data set 'digit'; did you mean 'digits'? known: cifar10,",
        prepare=line("Data", "dataset", "digit"),
    ),
    value("Data", "validation", "1.0", "got 1.0, allowed: more than 0 and less than 1"),
    value("Data", "train_limit", "-1", "got -1, allowed: 0 or more"),
    case("train-limit", "[Data]: train_limit: got 5, allowed: 20 or more", prepare=line("Data", "train_limit", "5")),
    value("Data", "split_seed", "9" * 30, "got 999999999999999999999999999999, allowed: 0 to"),
    value("Network", "reduce_after", "0 1 2 3", "got 4 reductions, allowed for images of 8x8: 3 or fewer"),
    value("Network", "ngrams", "2", "got 2, allowed for images: 0"),
    value("Network", "char_ngrams", "4", "got 4, allowed for images: 0"),
    value("Network", "char_ngrams", "2", "got 2, allowed: 0, 3, 4, 5, 6"),
    value("Network", "channels", "0", "got 0, allowed: 1 to 4096"),
    value("Network", "channels", "1000000000", "got 1000000000, allowed: 1 to 4096"),
    value("Network", "channels", "1" * 400, f"got {'1' * 400}, allowed: 1 to 4096"),
    value("Network", "channels", "1" * 5000, f"got '{'1' * 5000}', allowed: a whole number"),
    value("Network", "cells", "1000000000", "got 1000000000, allowed: 1 to 200"),
    value("Network", "growth", "1e300", "got 1e+300, allowed: 1 to 16"),
    case(
        "channels-grown",
        "experiment.ini: [Network] channels after the last reduction: got 16000, allowed: 1 to 4096",
        prepare=(line("Network", "channels", "4000"), line("Network", "reduce_after", "1 2")),
    ),
    value("Fitness", "channels", "1000000000", "got 1000000000, allowed: 0 to 4096"),
    case(
        "fitness-channels-grown",
        "experiment.ini: [Fitness] channels after the last reduction: got 16000, allowed: 1 to 4096",
        prepare=(line("Fitness", "channels", "4000"), line("Network", "reduce_after", "1 2")),
    ),
    value("Network", "reduce_after", "1 9", "got 9, allowed: 0 to 3", line("Network", "cells", "3")),
    value("Network", "reduce_after", "1, 2", "got '1, 2', allowed: whole numbers with spaces between"),
    value("Network", "norm", "group", "got 'group', allowed: batch, layer"),
    case("rank", "experiment.ini: [Network] unknown key 'rank'", prepare=line("Network", "rank", "2")),
    value("Training", "epochs", "1.5", "got '1.5', allowed: a whole number"),
    value("Training", "learning_rate", "nan", "got nan, allowed: more than 0 and at most 100"),
    value("Training", "optimizer", "lion", "got 'lion', allowed: adamw, adam, sgd"),
    value("Training", "augmentation_shift", "-2", "got -2, allowed: 0 or more"),
    value("Training", "augmentation_shift", "8", "got 8, allowed: 0 to 7"),
    value("Training", "augmentation_erase", "20", "got 20, allowed: 0 to 7", script=TRAIN),
    value("Training", "frozen_vectors", "2", "got 2, allowed for data without word vectors: 0"),
    value("Training", "frozen_vectors", "2", "got 2, allowed for data without word vectors: 0", script=TRAIN),
    value("Training", "progressive_sizes", "4 9", "got 4 9, allowed: sizes that rise to the images' own, which is 8"),
    value("Training", "progressive_sizes", "8 4", "got 8 4, allowed: sizes that rise to the images'", script=TRAIN),
    value("Training", "progressive_sizes", "4 half", "got '4 half', allowed: whole numbers with spaces between"),
    value("Fitness", "epochs", "0", "got 0, allowed: 1 or more"),
    value("Fitness", "image_size", "9", "got 9, allowed: 1 to 8"),
    value(
        "Fitness",
        "image_size",
        "2",
        "got 2; reduce_after: got 2 reductions, allowed for images of 2x2: 1 or fewer",
        line("Network", "cells", "3"),
        line("Network", "reduce_after", "1 2"),
    ),
    value("Training", "cutmix", "-1", "got -1.0, allowed: 0 to 100"),
    value("Fitness", "augment", "maybe", "got 'maybe', allowed: True, False"),
    value("Fitness", "train_subset", "4", "got 4, allowed: 0 (all), or 10 (one of each class) or more"),
    value("Run", "generations", "0", "got 0, allowed: 1 or more"),
    value("Run", "seed", "-3", "got -3, allowed: 0 to"),
    value("Run", "device", "xyz", "device 'xyz' cannot be used here; allowed: auto, cpu"),
    value("Run", "out", "taken/run", "cannot make the folder taken/run: Not a directory", FILE),
)

NEAT_SECTIONS = (
    value("NEAT", "pop_size", "1000000000", "got 1000000000, allowed: 2 to 100000"),
    value("CellGenome", "num_hidden", "1000000000", "got 1000000000, allowed: 0 to 200"),
    value("NEAT", "pop_size", "abc", "got 'abc', allowed: a whole number"),
    value("NEAT", "fitness_criterion", "best", "got 'best', allowed: max, min, mean"),
    value("NEAT", "seed", "1", "got 1; set it in [Run]"),
    value("DefaultSpeciesSet", "compatibility_threshold", "-1", "got -1.0, allowed: 0 or more"),
    value(
        *("DefaultStagnation", "species_elitism", "0"),
        "got 0, allowed: 1 or more, or reset_on_extinction = True",
        line("NEAT", "reset_on_extinction", "False"),
    ),
    case(
        "elitism",
        "[CellReproduction] elitism and min_species_size: got 50 and 3, allowed: at most pop_size (12)",
        prepare=(
            line("CellReproduction", "elitism", "50"),
            line("CellReproduction", "min_species_size", "3"),
            line("NEAT", "pop_size", "12"),
        ),
    ),
    value("CellReproduction", "survival_threshold", "1.2", "got 1.2, allowed: 0 to 1"),
    value("CellGenome", "op_default", "none", "got 'none', which neat-python reads as 'random'; say random"),
    value(
        *("CellGenome", "op_default", "None"),
        "got 'None', allowed: random, identity, sep_conv_3\n",
        line("CellGenome", "op_options", "identity sep_conv_3 none"),
    ),
    value("CellGenome", "op_options", "identity identity", "got 'identity identity'; a name stands there twice"),
    value("CellGenome", "op_options", "none", "got 'none' alone"),
    case(
        "activation",
        "experiment.ini: [CellGenome] unknown activation 'rely' in activation_options; did you mean 'relu'?",
        prepare=line("CellGenome", "activation_options", "identity rely"),
    ),
    case(
        "aggregation",
        "experiment.ini: [CellGenome] unknown aggregation 'div' in aggregation_options; known: add, mul",
        prepare=line("CellGenome", "aggregation_options", "add div"),
    ),
    value(
        *("CellGenome", "weight_min_value", "40"),
        "got 40, allowed: at most weight_max_value (30)",
        line("CellGenome", "weight_max_value", "30"),
    ),
    value("CellGenome", "node_add_prob", "-0.1", "got -0.1, allowed: 0 to 1"),
    value("CellGenome", "num_inputs", "3", "got 3, allowed: 1 (the previous cell), 2"),
    value("CellGenome", "num_outputs", "2", "got 2, allowed: 1"),
    value("CellGenome", "feed_forward", "False", "got False, allowed: True"),
    value(
        *("CellGenome", "max_nodes", "2"), "got 2, allowed: 0 (no limit), or 4", line("CellGenome", "num_hidden", "3")
    ),
    value("CellGenome", "initial_connection", "ful", "got 'ful', allowed: "),
    value(
        "CellGenome", "initial_connection", "partial 2", "got 'partial 2', allowed: 'partial' and a share from 0 to 1"
    ),
)

ARCHITECTURES = (
    case("file", "cannot read architecture absent.json: No such file", options="absent.json", script=TRAIN),
    *(
        case(name, f"architecture.json: {says}", prepare=prepare, script=TRAIN)
        for name, says, prepare in (
            ("truncated", "not JSON: ", truncated_json),
            ("nested", "not JSON of ours: lists or", content("architecture.json", b"[" * 100_000)),
            ("channels", "skeleton: channels: got 1000000000, ", json_value("skeleton", "channels", to=10**9)),
            ("growth", "skeleton: growth: got 1e+300, allowed: 1 to 16", json_value("skeleton", "growth", to=1e300)),
            ("not-utf-8", "not UTF-8 text (byte 0)", content("architecture.json", b"\xff{}")),
            ("list", "the file: got list, allowed: an object with format,", content("architecture.json", b"[]")),
            ("format", "format: got 'onnx', allowed: 'neat-deep architecture'", json_value("format", to="onnx")),
            ("field", "skeleton: unknown field 'depth', allowed: rank, ch", json_value("skeleton", "depth", to=3)),
            ("type", "skeleton: channels: got 'many', allowed: ", json_value("skeleton", "channels", to="many")),
            ("rank", "the architecture is for rank 1 (sequences), the data set", json_value("skeleton", "rank", to=1)),
            ("attention", "op 'attention' does not support images", json_value(*EDGE, "op", to="attention")),
            (
                "activation",
                "unknown activation 'rely'; did you mean 'relu'?",
                json_value(*EDGE, "activation", to="rely"),
            ),
            ("aggregation", "unknown aggregation 'max'", json_value("cell", "nodes", 2, "aggregation", to="max")),
            ("edges", "cell: node 1: got 0 edges, allowed: 1 or 2", json_value("cell", "nodes", 1, "edges", to=[])),
            ("output", "cell: output: got 'first', allowed: last, concat", json_value("cell", "output", to="first")),
        )
    ),
)

TWO_PARTS = images("train/cats", "train/dogs", "test/cats", "test/dogs")

TEST_PARTS = tuple(
    case(f"{name}-{Path(script).stem}", says, prepare=prepare, options=options, script=script)
    for script in (SEARCH, TRAIN)
    for name, says, prepare, options in (
        (
            "mnist-images",
            "--dataset: data/MNIST/raw/t10k-images-idx3-ubyte is damaged: got 7848 bytes, allowed: 15696",
            mnist(cut="t10k-images-idx3-ubyte"),
            "--dataset mnist",
        ),
        (
            "mnist-labels",
            "--dataset: data/MNIST/raw/t10k-labels-idx1-ubyte is damaged: got 14 bytes, allowed: 28",
            mnist(cut="t10k-labels-idx1-ubyte"),
            "--dataset mnist",
        ),
        (
            "image-broken",
            "--dataset, --data-root: cannot read the image photos/test/dogs/2.png: ",
            (TWO_PARTS, content("photos/test/dogs/2.png", b"\x89PNG\r\n\x1a\n broken")),
            PHOTOS,
        ),
        (
            "class-unknown",
            "--dataset, --data-root: photos/test: class folders: got owls, allowed: those of photos/train: cats, dogs",
            images("train/cats", "train/dogs", "test/cats", "test/owls"),
            PHOTOS,
        ),
    )
)

TEXT_DATA = (
    *(
        case(name, f"{where}: {says}", prepare=prepare, options=options, script=script)
        for script in (SEARCH_TEXTS, TRAIN)
        for where, options in (("--dataset, --data-root", TEXTS),)
        for name, says, prepare in (
            ("file-missing", "cannot read texts/test.tsv: No such file", texts("test.tsv", None)),
            (
                "no-header",
                "texts/train.tsv:1: got 'good film<TAB>1', allowed: the header 'sentence<TAB>label'; [Data] text_col",
                texts("train.tsv", ROWS),
            ),
            (
                "sentence-empty",
                "texts/train.tsv:6: the sentence is empty",
                texts("train.tsv", HEADER + ROWS + b" \t1\n"),
            ),
            (
                "one-class",
                "texts/train.tsv:2: classes: got '1' in this line and in all that follow, allowed: 2 or more",
                texts("train.tsv", HEADER + b"good film\t1\nfine film\t1\n"),
            ),
            (
                "not-utf-8",
                "texts/train.tsv:6: not UTF-8 text (byte 3 of the line)",
                texts("train.tsv", HEADER + ROWS + b"caf\xe9\t1\n"),
            ),
            (
                "label-unseen",
                "texts/test.tsv:3: label: got '2', allowed: those of texts/train.tsv: 0, 1",
                texts("test.tsv", HEADER + b"good\t1\nhm\t2\n"),
            ),
        )
    ),
    case(
        "folder-absent",
        "--dataset, --data-root: no folder texts; a folder of texts is laid out as <root>/train.tsv and",
        options=TEXTS,
        script=SEARCH_TEXTS,
    ),
    case(
        "vectors-short",
        "experiment.ini: [Data] text_vectors: vectors.txt:2: got 1 numbers, allowed: a word and 3 numbers, as in",
        prepare=(
            sst2("dev.tsv", HEADER + ROWS),
            content("vectors.txt", b"good 1 2 3\nbad 1\n"),
            line("Data", "root", "texts"),
            line("Data", "text_vectors", "vectors.txt"),
        ),
        script=SEARCH_TEXTS,
    ),
    case(
        "sst2-label",
        "--data-root: texts/SST-2/dev.tsv:2: label: got '4', allowed: 0 (negative), 1 (positive)",
        prepare=sst2("dev.tsv", HEADER + b"film\t4\n"),
        options="--data-root texts",
        script=SEARCH_TEXTS,
    ),
    *(
        case(
            name,
            f"experiment.ini: {says}",
            prepare=(texts("dev.tsv", HEADER + ROWS), line(*setting)),
            options=TEXTS,
            script=SEARCH_TEXTS,
        )
        for name, says, setting in (
            (
                "augmentation",
                "[Training] augmentation_shift: got 2, allowed: 0; it changes images only",
                ("Training", "augmentation_shift", "2"),
            ),
            (
                "tokens",
                "[Data] text_tokens: got 'words', allowed: word, bpe, torchtext",
                ("Data", "text_tokens", "words"),
            ),
            ("length", "[Data] text_max_length: got 0, allowed: 1 to", ("Data", "text_max_length", "0")),
            (
                "embedding-dropout",
                "[Network] embedding_dropout: got 1.0, allowed: 0 to 0.95",
                ("Network", "embedding_dropout", "1.0"),
            ),
            ("positions", "[Network] positions: got 'maybe', allowed: auto,", ("Network", "positions", "maybe")),
            (
                "early-stopping",
                "[Training] early_stopping: got -1, allowed: 0 or more",
                ("Training", "early_stopping", "-1"),
            ),
        )
    ),
    case(
        "word-dropout-on-images",
        "experiment.ini: [Training] augmentation_word_dropout: got 0.1, allowed: 0.0; it changes texts only",
        prepare=line("Training", "augmentation_word_dropout", "0.1"),
    ),
    case(
        "images-for-texts",
        "architecture.json: the architecture is for rank 1 (sequences), the data set 'digits' has rank 2 (images)",
        prepare=lambda folder: shutil.copy(TRANSFORMER, folder / "architecture.json"),
        options="--dataset digits",
        script=TRAIN,
    ),
    case(
        "max-length",
        "--max-length: got 0, allowed: 1 to",
        options="--max-length 0",
        script=TRAIN,
    ),
)

OPTIONS = (
    case("dataset-none", "--dataset: unknown data set ''", options="--dataset="),
    case(
        "data-root-absent",
        "--dataset, --data-root: no folder absent; an image folder is laid out as <root>/train/<class>/*",
        options="--dataset image_folder --data-root absent",
    ),
    case("device", "--device: device 'xyz' cannot be used here; allowed: auto, cpu", options="--device xyz"),
    case("generations", "--generations: got 0, allowed: 1 or more", options="--generations 0"),
    case("seed", "--seed: got -1, allowed: 0 to", options="--seed -1"),
    case("population", "--population: got 1, allowed: ", options="--population 1"),
    case(
        "population-of-elites",
        "--population: got 3, allowed: 4 to 100000",
        prepare=line("CellReproduction", "elitism", "4"),
        options="--population 3",
    ),
    case("out-is-a-file", "--out: taken is a file, allowed: a folder", prepare=FILE, options="--out taken"),
    case("out-is-here", "--out: got '.', allowed: the name of a new folder", options="--out ."),
    case("out-not-writable", "--out: cannot make the folder /proc/nowhere/run: ", options="--out /proc/nowhere/run"),
    case("out-too-long", "--out: cannot make the folder x", "File name too long", options=f"--out {'x' * 300}"),
    case("architecture", "got unexpected extra argument(s) (extra.json)", options="extra.json"),
    *(
        case(options, says, options=options, script=TRAIN)
        for options, says in (
            ("--retrainings -2", "--retrainings: got -2, allowed: 1 or more"),
            ("--retrainings 1.5", "--retrainings: got '1.5', allowed: a whole number"),
            ("--out=", "--out: got '', allowed: the name of a new folder"),
            ("--cells 0", "--cells: got 0, allowed: 1 to 200"),
            ("--channels 1000000000", "--channels: got 1000000000, allowed: 1 to 4096"),
            ("--channels 4096 --reduce-after 1", "reduction: got 8192, allowed: 1 to 4096"),
            ("--cells 2", "--cells: reduce_after: got 3, allowed: 0 to 2"),
            ("--reduce-after 2 1", "--reduce-after: got (2, 1), allowed: different numbers in rising order"),
            ("--epochs -1", "--epochs: got -1, allowed: 1 or more"),
            ("--epochs 1.5", "--epochs: got '1.5', allowed: a whole number"),
            ("--cell 2", "no such option: --cell; did you mean --cells?"),
        )
    ),
)

RANDOM_GENOMES = tuple(
    case(options, says, options=options, script=RANDOM, argparse=argparse, prepare=prepare)
    for options, says, argparse, prepare in (
        ("--count 0", "--count: got 0, allowed: 1 or more", False, ()),
        ("--count few", "argument --count: invalid number value: 'few'", True, ()),
        ("--seed -1", "--seed: got -1, allowed: 0 to", False, ()),
        ("--device xyz", "--device: device 'xyz' cannot be used here; allowed: auto, cpu", False, ()),
        ("--dataset digit", "--dataset: unknown data set 'digit'; did you mean 'digits'?", False, ()),
        ("--out taken", "--out: taken is a file, allowed: a folder", False, FILE),
        ("--config absent.ini", "--config: cannot read INI file absent.ini: No such file", False, ()),
        ("absent.json", "cannot read architecture absent.json: No such file", False, ()),
        ("--counts 2", "unrecognized arguments: --counts 2", True, ()),
        (
            "--data-root absent --dataset image_folder",
            "--dataset, --data-root: no folder absent; an image folder is laid out as",
            False,
            (),
        ),
        (
            "--count 1",
            "architecture.json: unknown op 'sep_konv_3'; did you mean 'sep_conv_3'?",
            False,
            json_value(*EDGE, "op", to="sep_konv_3"),
        ),
        (
            "--count 2",
            "experiment.ini: [CellGenome] op_options: got 'attention', which does not support the images",
            False,
            line("CellGenome", "op_options", "identity attention"),
        ),
    )
)

RESUMED = (
    case("absent", "--resume: nowhere is not there, allowed: the folder of a search", options="--resume nowhere"),
    case("no-store", "--resume: taken is not a run store of neat-deep", prepare=FILE, options="--resume taken"),
    case("newer", "--resume: run/run.sqlite: version: got 7, allowed: 3", prepare=newer_run, options="--resume run"),
    case(
        "changed-ini",
        "--resume: experiment.ini: [Run] seed: got '5', the run was started with '1'; allowed: the INI file of the run",
        prepare=(stored_run, line("Run", "seed", "5")),
        options="--resume run",
    ),
    case(
        "resume-bare",
        "run.sqlite does not hold the run's ini; allowed: the run of a search script, or a store that was told",
        prepare=bare_store,
        options="--resume run",
    ),
    *(
        case(says.split(":")[0], f"--resume: {says}", prepare=prepare, options=f"--resume run {option}")
        for option, says, prepare in (
            ("--population 9", "--population: got 9, the run has 12; allowed to change when a run is", stored_run),
            ("--seed 3", "--seed: got 3, the run has 1; allowed to change when a run is resumed: --fitn", stored_run),
            ("--out there", "--out: got there, the run is in run; a run stays where it is", stored_run),
            ("--dataset mnist", "--dataset: got mnist, the run has digits; allowed to change when", stored_run),
            ("--start architecture.json", "--start: got architecture.json, the run began without one", stored_run),
            ("--start architecture.json", "--start: got architecture.json, the run began from another", started_run),
        )
    ),
)

WORKERS = (
    case("many", "--workers: got 'many', allowed: auto, 0 to 1024, or ray", options="--workers many"),
    case("negative", "--workers: got '-1', allowed: auto, 0 to 1024, or ray", options="--workers=-1"),
    value("Run", "workers", "2.5", "got '2.5', allowed: auto, 0 to 1024, or ray"),
    value("Fitness", "rungs", "4 2", "got 4 2, allowed: rising, from 1 to below epochs (8)"),
    value("Fitness", "rungs", "8", "got 8, allowed: rising, from 1 to below epochs (8)"),
    value("Fitness", "rung_share", "0", "got 0.0, allowed: more than 0 and at most 1"),
    value("Fitness", "hyperband", "yes", "got 'yes', allowed: True, False"),
    value("Fitness", "hyperband", "True", "got True without rungs, allowed: rungs for some networks to skip, or False"),
    value("Fitness", "weights_megabytes", "0", "got 0, allowed: 1 or more"),
    value("Fitness", "finalists", "1", "got 1, allowed: 0 (the best of the search wins), or 2 or more"),
    value("Fitness", "finalists", "-1", "got -1, allowed: 0 or more"),
    value("Fitness", "finalist_epochs", "-1", "got -1, allowed: 0 or more"),
    value("Fitness", "finalist_seeds", "0", "got 0, allowed: 1 or more"),
)

NEEDS_NO_NETWORK = "no-network-"  # cases that only a process of its own can take the network from
QUICK = ("op-unknown", "architecture-op", "out-under-a-file", "option-misspelt")

TABLES = {
    "user": tuple(case for case in AS_A_USER if not case.name.startswith(NEEDS_NO_NETWORK)),
    "resume": RESUMED,
    "workers": WORKERS,
    "ini": INI_TEXT,
    "own": OWN_SECTIONS,
    "neat": NEAT_SECTIONS,
    "architecture": ARCHITECTURES,
    "test-part": TEST_PARTS,
    "text": TEXT_DATA,
    "option": OPTIONS,
    "random-genomes": RANDOM_GENOMES,
}
IN_PROCESS = [pytest.param(case, id=f"{table}-{case.name}") for table, cases in TABLES.items() for case in cases]


# --- running them ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What a script did."""

    code: int
    out: str
    err: str
    appeared: tuple[str, ...]  # what lies in the case's folder that did not before


def prepared(case: Case, folder: Path) -> list[str]:
    """Lay out good input, spoil it, and return the command line."""
    shutil.copy(TEXT_CONFIG if case.script == SEARCH_TEXTS else CONFIG, folder / "experiment.ini")
    shutil.copy(TRANSFORMER if TEXTS in case.options else ARCHITECTURE, folder / "architecture.json")
    for step in case.prepare:
        step(folder)
    options = case.options.split()
    if case.script in (TRAIN, RANDOM) and not any(option.endswith(".json") for option in options):
        options.insert(0, "architecture.json")
    return [str(ROOT / case.script), "--config", "experiment.ini", *options]


def listing(folder: Path) -> set[str]:
    """The files and folders in `folder`."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def run_process(case: Case, folder: Path) -> Outcome:
    """Run a case's script in a process of its own, without a network."""
    command = prepared(case, folder)
    before = listing(folder)
    environment = {**os.environ, **NO_NETWORK, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr, tuple(sorted(listing(folder) - before)))


@pytest.fixture(scope="module")
def processes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Case], Outcome]]:
    """A function that hands over what became of a case.

    Two processes run ahead of the tests, unless pytest-xdist runs two tests at a time already.
    """
    chosen = [item for item in request.session.items if getattr(item, "function", None) is test_process]
    wanted = [item.callspec.params["case"] for item in chosen]
    ahead = "PYTEST_XDIST_WORKER" not in os.environ
    with ThreadPoolExecutor(max_workers=2) as pool:

        def start(case: Case) -> Future[Outcome]:
            return pool.submit(run_process, case, tmp_path_factory.mktemp(case.name))

        started = {case: start(case) for case in wanted} if ahead else {}
        yield lambda case: (started.get(case) or start(case)).result()
        pool.shutdown(cancel_futures=True)


def check(case: Case, outcome: Outcome) -> None:
    """Exit code 2, one message that says what it should, no traceback, nothing on standard output, nothing written.

    The message is a line, with nothing before it but the usage where argparse speaks.
    """
    *above, last = outcome.err.splitlines() or [""]
    assert outcome.code == 2, outcome
    assert "Traceback" not in outcome.err + outcome.out
    if case.argparse:
        assert above and above[0].startswith(f"usage: {Path(case.script).name} "), outcome.err
        assert last.startswith(f"{Path(case.script).name}: error: "), outcome.err
        assert not any("error: " in line for line in above), outcome.err
    else:
        assert above == [], outcome.err
        assert last.startswith("error: "), outcome.err
    assert outcome.out == ""
    for fragment in case.says:
        assert fragment in outcome.err
    assert outcome.appeared == ()


def in_a_process(case: Case) -> Any:
    quick = case.name in QUICK or case.name.startswith(NEEDS_NO_NETWORK)
    return pytest.param(case, id=case.name, marks=() if quick else pytest.mark.slow)


@pytest.mark.parametrize("case", [in_a_process(case) for case in AS_A_USER])
def test_process(case: Case, processes: Callable[[Case], Outcome]) -> None:
    """The scripts, run as a user runs them."""
    check(case, processes(case))


@pytest.mark.parametrize("case", IN_PROCESS)
def test_script(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """The same scripts, run inside this process."""
    command = prepared(case, tmp_path)
    before = listing(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(command[0], run_name="__main__")
    printed = capfd.readouterr()
    assert isinstance(ended.value.code, int)
    appeared = tuple(sorted(listing(tmp_path) - before))
    check(case, Outcome(ended.value.code, printed.out, printed.err, appeared))


def test_the_input_is_good_before_it_is_spoilt() -> None:
    """Or the cases would fail for another reason than theirs."""
    assert load_experiment(CONFIG).data.dataset == "digits"
    assert load_experiment(TEXT_CONFIG).data.dataset == "sst2"
    assert len(Architecture.load(ARCHITECTURE).cell.nodes) == 4
    assert len(AS_A_USER) >= 25
    assert {case.name for case in AS_A_USER} >= set(QUICK)


@pytest.mark.parametrize(
    ("script", "says"), [(SEARCH, "run/experiment.ini: No space left"), (TRAIN, "run/architecture.json: No space left")]
)
def test_a_full_disk_ends_in_one_line(
    script: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    command = prepared(case("full-disk", script=script, options="--out run"), tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.setattr(shutil, "copyfile", full)
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(command[0], run_name="__main__")
    assert f"error: cannot write {says}" in capfd.readouterr().err
    assert list((tmp_path / "run").iterdir()) == []


def test_an_ini_file_from_a_pipe_is_refused() -> None:
    """neat-python opens the file again, and a pipe is empty then."""
    reading, writing = os.pipe()
    try:
        os.write(writing, CONFIG.read_bytes())
        os.close(writing)
        with pytest.raises(ConfigError, match=f"cannot read INI file /dev/fd/{reading} twice"):
            load_experiment(f"/dev/fd/{reading}")
    finally:
        os.close(reading)
