"""The Architecture: what a search ends in, and what everything after it (build, train, render, transfer) takes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from neat_deep.base.checks import check_choice, check_range
from neat_deep.base.errors import ArchitectureError, ConfigError, GraphError
from neat_deep.base.fields import parse_json, read_object, setting
from neat_deep.base.files import read_text, write_text
from neat_deep.space.cell_graph import CellGraph, Edge
from neat_deep.space.showing import picture_of

FORMAT = "neat-deep architecture"
VERSION = 3
READABLE_VERSIONS = (1, 2, 3)
SINCE_VERSION_2 = frozenset({"embedding_dropout", "positions"})  # fields of the skeleton
SINCE_VERSION_3 = frozenset({"gated_cells"})  # of the skeleton too; edges have gates since then

NORMS = ("batch", "layer")
POOLS = ("mean", "mean_max")
POSITIONS = ("auto", "always", "never")
RANK_NAMES = {1: "sequences", 2: "images"}

# More would be a slip of the keyboard, and fill the memory before anything could be said.
MOST_CHANNELS = 4096
MOST_CELLS = 200
MOST_GROWTH = 16


@dataclass(frozen=True)
class Skeleton:
    """What a cell is stacked in: stem, `cells` cells with reductions between them, head.

    `rank` is 2 for images (B, C, H, W) and 1 for sequences (B, C, L). `reduce_after` lists after how many cells
    the spatial extent is halved (0: right after the stem); each reduction multiplies the channels by `growth`.
    `embedding_dropout` and `positions` are for sequences: the stem adds learned positions to the tokens always,
    never, or (auto) where an op of the cell needs them, as attention does.

    `gated_cells` are the numbers (from 0) of cells around which a path leads: what leaves such a cell is the newest
    state x that it is given plus g cell(x), where the learnable gate g starts at zero.

    Raises `ConfigError` on creation.
    """

    rank: int = setting(2, in_files=False)  # the data decide
    channels: int = 16
    cells: int = 4
    reduce_after: tuple[int, ...] = ()
    growth: float = 2.0
    norm: str = "batch"  # batch statistics train fastest on two cores; `layer` does not depend on the batch
    head_pool: str = "mean"
    dropout: float = 0.0  # before the head's linear layer
    embedding_dropout: float = 0.0
    positions: str = "auto"
    gated_cells: tuple[int, ...] = setting((), in_files=False)  # network morphism adds them

    def __post_init__(self) -> None:
        if self.rank not in (1, 2):
            raise ConfigError(f"rank: got {self.rank}, allowed: 1 (sequences), 2 (images)")
        check_range("channels", self.channels, low=1, high=MOST_CHANNELS)
        check_range("cells", self.cells, low=1, high=MOST_CELLS)
        check_range("growth", self.growth, low=1, high=MOST_GROWTH)
        check_range("dropout", self.dropout, low=0, high=0.95)
        check_range("embedding_dropout", self.embedding_dropout, low=0, high=0.95)
        check_choice("positions", self.positions, POSITIONS)
        check_choice("norm", self.norm, NORMS)
        check_choice("head_pool", self.head_pool, POOLS)
        for place in self.reduce_after:
            check_range("reduce_after", place, low=0, high=self.cells)
        for number in self.gated_cells:
            check_range("gated_cells", number, low=0, high=self.cells - 1)
        for key in ("reduce_after", "gated_cells"):
            numbers = getattr(self, key)
            if list(numbers) != sorted(set(numbers)):
                raise ConfigError(f"{key}: got {numbers}, allowed: different numbers in rising order")
        widest = self.channels_of_cell(self.cells)
        if widest > MOST_CHANNELS:
            raise ConfigError(f"channels after the last reduction: got {widest}, allowed: 1 to {MOST_CHANNELS}")

    def channels_of_cell(self, cell: int) -> int:
        """The channels that cell number `cell` (from 0) reads and writes; number `cells` is the head."""
        reductions = sum(place <= cell for place in self.reduce_after)
        return round(self.channels * self.growth**reductions)


@dataclass(frozen=True)
class Architecture:
    """A cell and the skeleton that it is stacked in.

    Transfer to another data set is `dataclasses.replace` on the skeleton.
    """

    cell: CellGraph
    skeleton: Skeleton = field(default_factory=Skeleton)

    def digest(self) -> str:
        """A stable name of the whole network, cell and skeleton: 16 hexadecimal digits of a SHA-256."""
        text = json.dumps([self.cell.digest(), _encode_skeleton(self.skeleton)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _repr_svg_(self) -> str | None:
        """The picture that a notebook shows."""
        return picture_of(self)

    def save(self, path: Path | str) -> None:
        """Write the architecture as versioned JSON; the file is whole or absent, never half."""
        write_text(path, self.to_json())

    def to_json(self) -> str:
        """The architecture as versioned JSON text, of the lowest version that can hold it.

        So a program that knows no gates reads every architecture that has none.
        """
        gated = self.skeleton.gated_cells or any(edge.gated for node in self.cell.nodes for edge in node.edges)
        document = {
            "format": FORMAT,
            "version": VERSION if gated else 2,
            "skeleton": _encode_skeleton(self.skeleton),
            "cell": _encode_cell(self.cell),
        }
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def load(cls, path: Path | str) -> Architecture:
        """Read an architecture; raises `ArchitectureError`, naming the file, for whatever is wrong with it."""
        if Path(path).is_dir():
            raise ArchitectureError(f"{path} is a folder, allowed: the JSON file of an architecture, as its best.json")
        text = read_text(path, "architecture", ArchitectureError)
        try:
            return cls.from_json(text)
        except ArchitectureError as error:
            raise ArchitectureError(f"{path}: {error}") from None

    @classmethod
    def from_json(cls, text: str) -> Architecture:
        """The architecture that a JSON text holds; raises `ArchitectureError`.

        Names of ops are checked when a network is built, since a user's own may be registered by then.
        """
        try:
            document = read_object(_Document, parse_json(text), "the file")
            if document.format != FORMAT:
                raise ArchitectureError(f"format: got {document.format!r}, allowed: {FORMAT!r}")
            if document.version not in READABLE_VERSIONS:
                allowed = ", ".join(map(str, READABLE_VERSIONS))
                raise ArchitectureError(
                    f"version: got {document.version}, allowed: {allowed}; a newer neat-deep wrote it?"
                )
            later = SINCE_VERSION_3 if document.version < 3 else frozenset()
            later |= SINCE_VERSION_2 if document.version < 2 else frozenset()
            skeleton = read_object(Skeleton, document.skeleton, "skeleton", without=later)
            cell = _decode_cell(document.cell)
            if document.version < 3 and any(edge.gated for node in cell.nodes for edge in node.edges):
                raise ArchitectureError(
                    f"cell: got a gated edge in version {document.version}, allowed: since version 3"
                )
            return cls(cell, skeleton)
        except ConfigError as error:
            raise ArchitectureError(str(error)) from None


@dataclass(frozen=True)
class _Document:
    """The JSON object that an architecture's file holds."""

    format: str
    version: int
    skeleton: dict[str, Any]
    cell: dict[str, Any]


def _encode_skeleton(skeleton: Skeleton) -> dict[str, Any]:
    """As an object, which says nothing of gated cells where there are none: as before there could be any."""
    return {key: value for key, value in asdict(skeleton).items() if key != "gated_cells" or value}


def _encode_edge(edge: Edge) -> dict[str, Any]:
    return {key: value for key, value in asdict(edge).items() if key != "gated" or value}


def _encode_cell(cell: CellGraph) -> dict[str, Any]:
    nodes = [
        {"key": n.key, "aggregation": n.aggregation, "edges": [_encode_edge(e) for e in n.edges]} for n in cell.nodes
    ]
    return {"num_inputs": cell.num_inputs, "output": cell.output, "nodes": nodes}


def _decode_cell(data: object) -> CellGraph:
    if isinstance(data, dict) and isinstance(data.get("nodes"), list):  # a node without a key has its place for one
        nodes = [{"key": index, **node} if isinstance(node, dict) else node for index, node in enumerate(data["nodes"])]
        data = {**data, "nodes": nodes}
    try:
        return read_object(CellGraph, data, "cell")
    except GraphError as error:
        raise ArchitectureError(f"cell: {error}") from None
