"""From architecture to module: the network of cells that a skeleton describes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor, nn

from neat_deep.base.errors import ArchitectureError, NeatDeepError
from neat_deep.base.randomness import seeded
from neat_deep.data.spec import DataSpec
from neat_deep.networks.cell import Cell
from neat_deep.ops import FeatureSpec, get_op
from neat_deep.ops.masking import hide_padding
from neat_deep.ops.norm import make_norm
from neat_deep.space.architecture import RANK_NAMES, Architecture, Skeleton
from neat_deep.space.cell_graph import NONE

# A cell factory gets the features that the cell reads and writes; the module that it returns is called as
# `cell(inputs, mask)` with one tensor for each input of the cell, and keeps their shape.
CellFactory = Callable[[FeatureSpec], nn.Module]


def build_network(architecture: Architecture, data: DataSpec, *, seed: int, vectors: Tensor | None = None) -> Network:
    """The network of an architecture for a data set, with weights drawn from `seed`.

    The embedding of a network for texts starts from `vectors` (vocabulary, D) where they are given.

    The cell is built from its canonical graph, so equal digests mean equal networks. The global random state is
    left as it was. Raises `UnknownNameError` for unknown ops, `ArchitectureError` for ops of the wrong rank and
    for vectors that do not fit `data`.
    """
    cell = architecture.cell.canonical()
    positions = wants_positions(architecture.skeleton, {edge.op for node in cell.nodes for edge in node.edges})
    with seeded(seed):
        network = Network(
            architecture.skeleton, data, lambda spec: Cell(cell, spec), cell.num_inputs, positions=positions
        )
    if vectors is not None:
        start_from_vectors(network, vectors)
    return network


def wants_positions(skeleton: Skeleton, ops: Collection[str]) -> bool:
    """Whether the stem tells each token its place, when `ops` are those of the cell, or a search's candidates."""
    if skeleton.rank != 1 or skeleton.positions != "auto":
        return skeleton.rank == 1 and skeleton.positions == "always"
    return any(get_op(op).needs_positions for op in ops if op != NONE)


def start_from_vectors(network: Network, vectors: Tensor) -> None:
    """Set the embedding of a network for texts to `vectors` (vocabulary, D); raises `ArchitectureError`."""
    stem = network.stem
    allowed = tuple(stem.embedding.weight.shape) if isinstance(stem, SequenceStem) else "none, for images"
    if not isinstance(stem, SequenceStem) or tuple(vectors.shape) != allowed:
        raise ArchitectureError(f"vectors: got shape {tuple(vectors.shape)}, allowed: {allowed}")
    with torch.no_grad():
        stem.embedding.weight.copy_(vectors)


def check_reductions(skeleton: Skeleton, data: DataSpec) -> None:
    """Raise `ArchitectureError` for a reduction of images of one pixel, which would only multiply the channels."""
    if data.rank == 2:
        height, width = data.shape[1:]
        most = (max(height, width) - 1).bit_length()  # halves are rounded up
        if len(skeleton.reduce_after) > most:
            raise ArchitectureError(
                f"reduce_after: got {len(skeleton.reduce_after)} reductions, allowed for images of {height}x{width}: "
                f"{most} or fewer"
            )


def check_op(name: str, rank: int, channels: int) -> None:
    """Raise the `NeatDeepError` of an op that cannot be built for so many channels, before a search meets it."""
    with torch.device("meta"):
        try:
            get_op(name).factory(FeatureSpec(rank, channels))
        except NeatDeepError:
            raise
        except Exception:  # noqa: BLE001 - a user's op may need real tensors: it is built when it is its turn
            pass


class Reduction(nn.Module):
    """A convolution of kernel 3 and stride 2 with a normalisation: halves the extent (rounding up)."""

    def __init__(self, spec: FeatureSpec, channels_in: int) -> None:
        super().__init__()
        conv = nn.Conv2d if spec.rank == 2 else nn.Conv1d
        self.conv = conv(channels_in, spec.channels, 3, stride=2, padding=1, bias=False)
        self.norm = make_norm(spec)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Halve `x`; `mask` is that of the input, (B, L)."""
        return self.norm(self.conv(hide_padding(x, mask)), halve_mask(mask))


class StatesReduction(nn.Module):
    """One reduction for each of the newest `alive` states, which are all that later parts still read."""

    def __init__(self, spec: FeatureSpec, channels_in: int, alive: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(Reduction(spec, channels_in) for _ in range(alive))

    def forward(self, states: Sequence[Tensor], mask: Tensor | None = None) -> list[Tensor]:
        newest = states[-len(self.branches) :]
        return [reduction(state, mask) for reduction, state in zip(self.branches, newest, strict=True)]


def halve_mask(mask: Tensor | None) -> Tensor | None:
    """The mask (B, L/2, rounded up) that belongs to a sequence after a reduction.

    Right for padding on the right: position i is centred on position 2i, so the last real token is always covered. With
    padding on the left a first token at an odd position would be lost.
    """
    return None if mask is None else mask[:, ::2]


class ImageStem(nn.Module):
    """(B, colours, H, W) to (B, C, H, W): a 3x3 convolution and a normalisation."""

    def __init__(self, spec: FeatureSpec, data: DataSpec) -> None:
        super().__init__()
        self.conv = nn.Conv2d(data.shape[0], spec.channels, 3, padding=1, bias=False)
        self.norm = make_norm(spec)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.norm(self.conv(x))


class SequenceStem(nn.Module):
    """Token numbers (B, L) to (B, C, L): a learned embedding, learned positions if asked, dropout.

    With word vectors of another width than C the embedding is as wide as they are and a linear layer follows.
    Positions that no training text reaches share the last one that some text does.
    """

    def __init__(self, spec: FeatureSpec, data: DataSpec, *, positions: bool, dropout: float) -> None:
        super().__init__()
        width = data.vector_size or spec.channels
        self.embedding = nn.Embedding(data.vocabulary, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)  # torch's 1.0 drowns what training adds
        self.project = nn.Linear(width, spec.channels, bias=False) if width != spec.channels else None
        self.positions = nn.Embedding(data.shape[0], spec.channels) if positions else None
        if self.positions is not None:
            nn.init.zeros_(self.positions.weight)  # the tokens alone speak at first
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            places = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
            return self._embed(tokens, places).transpose(1, 2)  # (B, C, L)
        # Real tokens alone, as rows: padding costs nothing, and dropout draws the same whatever the padding.
        where = mask.nonzero()  # (tokens, 2)
        rows = self._embed(tokens[mask], where[:, 1])  # (tokens, C)
        out = rows.new_zeros(*tokens.shape, rows.shape[1])
        return out.index_put((where[:, 0], where[:, 1]), rows).transpose(1, 2)

    def _embed(self, tokens: Tensor, places: Tensor) -> Tensor:
        rows = self.embedding(tokens)
        if self.project is not None:
            rows = self.project(rows)
        if self.positions is not None:
            rows = rows + self.positions(places.clamp_max(self.positions.num_embeddings - 1))
        return self.dropout(rows)


class Head(nn.Module):
    """Masked global pooling over all positions, dropout and a linear layer: (B, C, ...) to (B, classes).

    A sequence without a single real token pools to zeros.
    """

    def __init__(self, channels: int, classes: int, pool: str, dropout: float) -> None:
        super().__init__()
        self.with_max = pool == "mean_max"
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels * (2 if self.with_max else 1), classes)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        pooled = _mean_positions(x, mask)  # (B, C)
        if self.with_max:
            largest = hide_padding(x, mask, -torch.inf).amax(tuple(range(2, x.ndim)))
            if mask is not None:
                largest = largest.masked_fill(~mask.any(1, keepdim=True), 0.0)
            pooled = torch.cat([pooled, largest], dim=1)  # (B, 2C)
        return self.linear(self.dropout(pooled))


class Network(nn.Module):
    """Stem, cells with reductions between them, head; evolved cells and supernet cells alike.

    Reads (B, colours, H, W) images, or (B, L) token numbers with a mask (B, L), and returns logits (B, classes). The
    mask is true at real tokens, which come first: padding stands on the right (unchecked, see `halve_mask`).
    A cell with two inputs reads the previous two cells' outputs, the older one first; the stem's output stands in
    for what does not exist yet. With `positions` the stem for sequences tells each token its place
    (`wants_positions` says whether it should).
    """

    def __init__(
        self,
        skeleton: Skeleton,
        data: DataSpec,
        make_cell: CellFactory,
        num_inputs: int,
        *,
        positions: bool = False,
    ) -> None:
        super().__init__()
        if data.rank != skeleton.rank:
            raise ArchitectureError(
                f"the architecture is for rank {skeleton.rank} ({RANK_NAMES[skeleton.rank]}), "
                f"the data set '{data.name}' has rank {data.rank} ({RANK_NAMES[data.rank]})"
            )
        self.num_inputs = num_inputs
        spec = FeatureSpec(skeleton.rank, skeleton.channels, skeleton.norm)
        self.stem: nn.Module = (
            ImageStem(spec, data)
            if skeleton.rank == 2
            else SequenceStem(spec, data, positions=positions, dropout=skeleton.embedding_dropout)
        )
        self.cells = nn.ModuleList()
        self.reductions = nn.ModuleDict()  # "k": what happens to the states after k cells
        channels = skeleton.channels
        for index in range(skeleton.cells + 1):
            if index in skeleton.reduce_after:
                wide = skeleton.channels_of_cell(index)
                spec = FeatureSpec(skeleton.rank, wide, skeleton.norm)
                alive = num_inputs if index < skeleton.cells else 1  # the head reads one state
                self.reductions[str(index)] = StatesReduction(spec, channels, alive)
                channels = wide
            if index < skeleton.cells:
                self.cells.append(make_cell(spec))
        self.head = Head(channels, data.num_classes, skeleton.head_pool, skeleton.dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None, *for_cells: object) -> Tensor:
        """The logits; what stands in `for_cells` is handed to every cell."""
        states = [self.stem(x, mask)] * self.num_inputs
        for index in range(len(self.cells) + 1):
            if str(index) in self.reductions:
                states = self.reductions[str(index)](states, mask)
                mask = halve_mask(mask)
            if index < len(self.cells):
                states = [*states[1:], self.cells[index](states, mask, *for_cells)]
        return self.head(states[-1], mask)


def _mean_positions(x: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        # Over rows of channels, as an image lies in memory in channels_last: its gradient then has that layout too.
        # That of `x.flatten(2).mean(2)` did not, which cost a training step of a small network 5% of its time.
        return x.movedim(1, -1).flatten(1, -2).mean(1)
    return hide_padding(x, mask).sum(2) / mask.sum(1, keepdim=True).clamp_min(1)
