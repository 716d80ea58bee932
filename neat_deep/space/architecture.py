"""The Architecture: what a search ends in, and what everything after it (build, train, render, transfer) takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from neat_deep.base.checks import check_choice, check_range
from neat_deep.base.errors import ArchitectureError, ConfigError, GraphError
from neat_deep.base.fields import parse_json, read_object, setting
from neat_deep.base.files import read_text, write_text
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.space.showing import picture_of

FORMAT = "neat-deep architecture"
READABLE_VERSIONS = (1, 2, 3, 4, 5, 6)
# Which fields of the skeleton a version of the format was the first to have; version 3 brought the gates of edges too.
FIELDS_SINCE = {
    2: frozenset({"embedding_dropout", "positions"}),
    3: frozenset({"gated_cells"}),
    5: frozenset({"ngrams", "ngram_buckets", "ngram_ratios"}),
    6: frozenset({"char_ngrams"}),
}

NORMS = ("batch", "layer")
POOLS = ("mean", "mean_max")
POSITIONS = ("auto", "always", "never")
RANK_NAMES = {1: "sequences", 2: "images"}

# More would be a slip of the keyboard, and fill the memory before anything could be said.
MOST_CHANNELS = 4096
MOST_CELLS = 200
MOST_GROWTH = 16
MOST_NGRAM = 5  # tokens
SHORTEST_CHAR_NGRAM = 3  # characters, as in fastText
CHAR_NGRAMS = (0, *range(SHORTEST_CHAR_NGRAM, 7))  # lengths of the longest; 0: none
MOST_BUCKETS = 2**24


@dataclass(frozen=True)
class Skeleton:
    """What a cell is stacked in: stem, `cells` cells with reductions between them, head.

    `rank` is 2 for images (B, C, H, W) and 1 for sequences (B, C, L). `reduce_after` lists after how many cells
    the spatial extent is halved (0: right after the stem); each reduction multiplies the channels by `growth`.
    `embedding_dropout`, `positions` and the n-grams are for sequences. The stem adds learned positions to the tokens
    always, never, or (auto) where an op of the cell needs them, as attention does. With `ngrams` above 0 each run of 1
    to so many tokens has a weight for each class beside the cells, in one of `ngram_buckets` rows that its hash tells;
    with `char_ngrams` each run of 3 to so many characters of a known word has one too, in as many rows of their own.

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
    ngrams: int = 0  # the longest, in tokens; 0: none
    char_ngrams: int = 0  # the longest, in characters within words; 0: none
    ngram_buckets: int = 262_144  # rows of either; so many that few n-grams of some thousand texts share one
    ngram_ratios: bool = True  # whether they start from counts of the training texts; from zero they gain little
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
        check_range("ngrams", self.ngrams, low=0, high=MOST_NGRAM)
        if self.char_ngrams not in CHAR_NGRAMS:
            allowed = ", ".join(map(str, CHAR_NGRAMS))
            raise ConfigError(f"char_ngrams: got {self.char_ngrams}, allowed: {allowed}")
        check_range("ngram_buckets", self.ngram_buckets, low=2, high=MOST_BUCKETS)
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

    @property
    def stages(self) -> tuple[int, ...]:
        """How many cells stand before, between and after the reductions."""
        ends = [*self.reduce_after, self.cells]
        return tuple(end - begin for begin, end in zip([0, *ends], ends, strict=False))

    def channels_of_cell(self, cell: int) -> int:
        """The channels that cell number `cell` (from 0) reads and writes; number `cells` is the head."""
        return self.channels_after(sum(place <= cell for place in self.reduce_after))

    def channels_after(self, reductions: int) -> int:
        """The channels behind so many reductions."""
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

    def tidy(self) -> Architecture:
        """The same network without what its output does not use, as it is kept and shown.

        Its cell is the canonical one, but for a cell that uses motifs, which keeps them.
        """
        pruned = self.cell.prune()
        return replace(self, cell=pruned if pruned.motifs else self.cell.canonical())

    def _repr_svg_(self) -> str | None:
        """The picture that a notebook shows."""
        return picture_of(self)

    def save(self, path: Path | str) -> None:
        """Write the architecture as versioned JSON; the file is whole or absent, never half."""
        write_text(path, self.to_json())

    def to_json(self) -> str:
        """The architecture as versioned JSON text, of the lowest version that can hold it.

        So a program that knows no motifs, gates or n-grams reads every architecture that has none.
        """
        document = {
            "format": FORMAT,
            "version": self._lowest_version(),
            "skeleton": _encode_skeleton(self.skeleton),
            "cell": _encode_cell(self.cell),
        }
        return json.dumps(document, indent=2) + "\n"

    def _lowest_version(self) -> int:
        needed = {
            6: self.skeleton.char_ngrams,
            5: self.skeleton.ngrams,
            4: self.cell.motifs,
            3: self.skeleton.gated_cells or _has_gates(self.cell),
        }
        return next((version for version, is_needed in needed.items() if is_needed), 2)

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
            later = frozenset().union(*(keys for since, keys in FIELDS_SINCE.items() if document.version < since))
            skeleton = read_object(Skeleton, document.skeleton, "skeleton", without=later)
            cell = _decode_cell(document.cell)
            if document.version < 4 and cell.motifs:
                raise ArchitectureError(f"cell: got motifs in version {document.version}, allowed: since version 4")
            if document.version < 3 and _has_gates(cell):
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
    """As an object, which says nothing of gated cells or n-grams where there are none: as before there could be any."""
    left_out = set() if skeleton.gated_cells else {"gated_cells"}
    if not skeleton.char_ngrams:
        left_out |= FIELDS_SINCE[6]
        if not skeleton.ngrams:
            left_out |= FIELDS_SINCE[5]
    return {key: value for key, value in asdict(skeleton).items() if key not in left_out}


def _has_gates(cell: CellGraph) -> bool:
    nodes = [*cell.nodes, *(node for motif in cell.motifs for node in motif.nodes)]
    return any(edge.gated for node in nodes for edge in node.edges)


def _encode_edge(edge: Edge) -> dict[str, Any]:
    return {key: value for key, value in asdict(edge).items() if key != "gated" or value}


def _encode_nodes(nodes: Iterable[CellNode]) -> list[dict[str, Any]]:
    return [{"key": n.key, "aggregation": n.aggregation, "edges": [_encode_edge(e) for e in n.edges]} for n in nodes]


def _encode_cell(cell: CellGraph) -> dict[str, Any]:
    encoded = {"num_inputs": cell.num_inputs, "output": cell.output, "nodes": _encode_nodes(cell.nodes)}
    motifs = [{"name": motif.name, "nodes": _encode_nodes(motif.nodes)} for motif in cell.motifs]
    return {**encoded, "motifs": motifs} if motifs else encoded


def _with_keys(data: object) -> object:
    """A graph's JSON in which a node without a key has its place for one."""
    if not isinstance(data, dict) or not isinstance(data.get("nodes"), list):
        return data
    nodes = [{"key": index, **node} if isinstance(node, dict) else node for index, node in enumerate(data["nodes"])]
    return {**data, "nodes": nodes}


def _decode_cell(data: object) -> CellGraph:
    data = _with_keys(data)
    if isinstance(data, dict) and isinstance(data.get("motifs"), list):
        data = {**data, "motifs": [_with_keys(motif) for motif in data["motifs"]]}
    try:
        return read_object(CellGraph, data, "cell")
    except GraphError as error:
        raise ArchitectureError(f"cell: {error}") from None
