"""Small data sets that the program makes: images of shapes, and sentences and reviews of films.

They are for trying things out where there is nothing to download. The same program always makes the same ones.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from neat_deep.base.files import make_folder, writing

SIDE = 16
SHAPES = ("circle", "cross", "square", "triangle")
IMAGES = {"train": 640, "test": 240}
NOISE = 25.0  # standard deviation of what is added to each pixel (0..255)
TEXTS = {"train": 600, "test": 240}

CONTRASTS, TWISTED = 0.2, 0.2  # shares of sentences with two clauses, and of clauses that say it by its opposite

SUBJECTS = ("the film", "this story", "the plot", "the acting", "the music", "every scene", "the ending", "its humour")
VERBS = ("is", "seems", "feels", "looks", "remains")
DEGREES = ("", "", "rather", "quite", "really", "often", "at times")
WORDS = {
    "positive": ("good", "fine", "warm", "funny", "clever", "moving", "fresh", "lovely", "bright", "rich"),
    "negative": ("bad", "dull", "cold", "tired", "clumsy", "empty", "stale", "ugly", "grim", "thin"),
}
TWISTS = ("not", "never", "hardly", "anything but")  # they turn a word into its opposite
OPPOSITE = {"positive": "negative", "negative": "positive"}


def make_data(name: str, folder: Path) -> None:
    """Make the data set `name` in a folder that is not there yet, whole or not at all; raises `OutputError`."""
    make_folder(folder.parent)
    with writing(folder):
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            MAKERS[name](beside)
            beside.chmod(0o755)  # mkdtemp makes private folders
            beside.replace(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _make_shapes(folder: Path) -> None:
    """Noisy images of one shape each, of any colours: {train,test}/<shape>/<number>.png."""
    draw = np.random.default_rng(0)
    for part, count in IMAGES.items():
        for name in SHAPES:
            (folder / part / name).mkdir(parents=True)
        for number in range(count):
            name = SHAPES[number % len(SHAPES)]
            _draw_shape(name, draw).save(folder / part / name / f"{number:03}.png")


def _draw_shape(name: str, draw: np.random.Generator) -> Image.Image:
    ground, ink = draw.integers(0, 256, (2, 3))
    while np.abs(ground - ink).sum() < 250:
        ground, ink = draw.integers(0, 256, (2, 3))
    radius = int(draw.integers(4, 7))
    x, y = (int(value) for value in draw.integers(radius, SIDE - radius, 2))
    image = Image.new("RGB", (SIDE, SIDE), tuple(ground.tolist()))
    pen, colour = ImageDraw.Draw(image), tuple(ink.tolist())
    box = (x - radius, y - radius, x + radius, y + radius)
    if name == "circle":
        pen.ellipse(box, fill=colour)
    elif name == "square":
        pen.rectangle(box, fill=colour)
    elif name == "triangle":
        pen.polygon([(x, y - radius), (x - radius, y + radius), (x + radius, y + radius)], fill=colour)
    else:
        pen.line([(x - radius, y), (x + radius, y)], fill=colour, width=2)
        pen.line([(x, y - radius), (x, y + radius)], fill=colour, width=2)
    noisy = np.asarray(image, dtype=np.float64) + draw.normal(0.0, NOISE, (SIDE, SIDE, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def _make_sentences(folder: Path) -> None:
    """Single sentences, positive or negative: {train,test}.tsv."""
    _write_texts(folder, 1, _sentence)


def _make_reviews(folder: Path) -> None:
    """Three or five sentences, of which most say what the review thinks: {train,test}.tsv."""
    _write_texts(folder, 2, _review)


def _write_texts(folder: Path, seed: int, make: Callable[[str, random.Random], str]) -> None:
    draw = random.Random(seed)
    for part, count in TEXTS.items():
        lines = ["sentence\tlabel"]
        for number in range(count):
            label = ("negative", "positive")[number % 2]
            lines.append(f"{make(label, draw)}\t{label}")
        (folder / f"{part}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _sentence(label: str, draw: random.Random) -> str:
    """A sentence of one or two clauses; of two, the one after `but` counts."""
    if draw.random() < CONTRASTS:
        return f"{_clause(OPPOSITE[label], draw)} , but {_clause(label, draw)}"
    return _clause(label, draw)


def _clause(label: str, draw: random.Random) -> str:
    twisted = draw.random() < TWISTED
    word = draw.choice(WORDS[OPPOSITE[label] if twisted else label])
    middle = draw.choice(TWISTS if twisted else DEGREES)
    return " ".join(f"{draw.choice(SUBJECTS)} {draw.choice(VERBS)} {middle} {word}".split())


def _review(label: str, draw: random.Random) -> str:
    count = draw.choice((3, 5))
    labels = [label] * (count // 2 + 1) + [draw.choice((label, OPPOSITE[label])) for _ in range(count // 2)]
    draw.shuffle(labels)
    return " . ".join(_sentence(one, draw) for one in labels)


MAKERS: dict[str, Callable[[Path], None]] = {
    "shapes": _make_shapes,
    "sentences": _make_sentences,
    "reviews": _make_reviews,
}
