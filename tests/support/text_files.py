"""Small text data sets on disk: the words `good` and `bad` tell the class."""

from __future__ import annotations

import random
from pathlib import Path

TEXT_SETS = {"sst2", "imdb", "tsv"}
FILLERS = ["the", "film", "is", "rather", "long", "story", "of", "two", "men", "who", "don't", "talk", "and", "it"]
CLUES = {"0": ("bad", "dull", "not good"), "1": ("good", "fine", "not bad")}


def rows(count: int, seed: int, longest: int = 12) -> list[tuple[str, str]]:
    """`count` sentences of 1 to about `longest` words with their labels, half of them of each class."""
    draw = random.Random(seed)
    made = []
    for number in range(count):
        label = str(number % 2)
        words = draw.choices(FILLERS, k=draw.randrange(longest))
        words.insert(draw.randint(0, len(words)), draw.choice(CLUES[label]))
        made.append((" ".join(words), label))
    return made


def write_tsv(path: Path, sentences: list[tuple[str, str]], header: str = "sentence\tlabel") -> Path:
    """Write a file of sentences and labels, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *(f"{text}\t{label}" for text, label in sentences)]) + "\n", encoding="utf-8")
    return path


def write_sst2(root: Path, train: int = 96, dev: int = 40, test: int = 60) -> Path:
    """`root/SST-2` with labels in all three files; returns `root`."""
    for seed, (part, count) in enumerate((("train", train), ("dev", dev), ("test", test))):
        write_tsv(root / "SST-2" / f"{part}.tsv", rows(count, seed))
    return root


def write_folder(root: Path, train: int = 96, test: int = 60) -> Path:
    """`root/{train,test}.tsv`; returns `root`."""
    for seed, (part, count) in enumerate((("train", train), ("test", test))):
        write_tsv(root / f"{part}.tsv", rows(count, seed))
    return root


def write_imdb(root: Path, count: int = 20) -> Path:
    """`root/aclImdb` with `count` reviews in either part; returns `root`."""
    for seed, part in enumerate(("train", "test")):
        for number, (text, label) in enumerate(rows(count, seed)):
            folder = root / "aclImdb" / part / ("neg", "pos")[int(label)]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}_5.txt").write_text(f"{text}<br /><br />{text}", encoding="utf-8")
    return root
