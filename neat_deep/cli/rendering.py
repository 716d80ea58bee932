"""Pictures of an architecture: its cell and the whole network."""

from __future__ import annotations

import math
from pathlib import Path

from neat_deep.base.checks import check_range
from neat_deep.base.errors import ConfigError
from neat_deep.base.run_folder import new_folder
from neat_deep.cli.options import Given
from neat_deep.cli.running import naming
from neat_deep.reports.pictures.render import draw_cell, draw_network, save_picture
from neat_deep.space.architecture import Architecture
from neat_deep.training.trained_file import load_data_facts

SHAPES = {1: (64,), 2: (3, 32, 32)}  # of the examples, by rank, where nothing says more
CLASSES = 10
MOST_VALUES = 2**31  # of one example


def render(source: Path, given: Given) -> None:
    """Draw the architecture in the JSON file `source` into a new folder; raises `NeatDeepError`.

    The network is drawn for examples of a shape and a number of classes: what no option says comes from a
    `trained.pt` beside the file, or else from `SHAPES` and `CLASSES`.
    """
    architecture = Architecture.load(source)
    rank = architecture.skeleton.rank
    known_shape, known_classes = _known_facts(source, rank)
    shape = _read_shape(given["shape"], rank) if "shape" in given else known_shape
    classes = given.get("classes", known_classes)
    check_range("--classes", classes, low=1)
    name = source.resolve().parent.name if source.stem in ("best", "architecture") else source.stem
    cell = draw_cell(architecture.cell)
    network = draw_network(architecture, shape, classes)
    with naming("--out"):
        folder = new_folder(given.get("out", Path("pictures") / name))
    written = [*save_picture(cell, folder / "cell"), *save_picture(network, folder / "network")]
    size = "x".join(map(str, shape))
    print(f"the network is drawn for examples of {size} and {classes} classes (--shape, --classes)")
    print("\n".join(map(str, written)))


def _known_facts(source: Path, rank: int) -> tuple[tuple[int, ...], int]:
    trained = source.with_name("trained.pt")
    if trained.is_file():
        data = load_data_facts(trained)
        if data.rank == rank:
            return data.shape, data.num_classes
    return SHAPES[rank], CLASSES


def _read_shape(text: str, rank: int) -> tuple[int, ...]:
    try:
        shape = tuple(int(word) for word in text.split("x"))
    except ValueError:
        shape = ()
    if len(shape) != len(SHAPES[rank]) or min(shape) < 1 or math.prod(shape) > MOST_VALUES:
        example = "x".join(map(str, SHAPES[rank]))
        raise ConfigError(
            f"--shape: got '{text}', allowed: {len(SHAPES[rank])} whole numbers of 1 or more, as {example}, with a "
            f"product of at most {MOST_VALUES}"
        )
    return shape
