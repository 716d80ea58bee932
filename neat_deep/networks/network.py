"""From architecture to module: the network of cells that a skeleton describes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import torch
from torch import Tensor, nn

from neat_deep.base.errors import ArchitectureError
from neat_deep.base.randomness import seeded
from neat_deep.data import DataSpec, Split, TextSplit
from neat_deep.networks.cell import Cell, make_gate
from neat_deep.networks.char_ngrams import CharNGrams
from neat_deep.networks.ngrams import NGrams
from neat_deep.networks.parts import Head, ImageStem, SequenceStem, StatesReduction, halve_mask, nobody_reads
from neat_deep.networks.plan import plan_network
from neat_deep.networks.suitability import check_ngrams, check_skeleton_rank
from neat_deep.ops import FeatureSpec, get_op
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import NONE

# A cell factory gets the features that the cell reads and writes; the module that it returns is called as
# `cell(inputs, mask)` with one tensor for each input of the cell, and keeps their shape.
CellFactory = Callable[[FeatureSpec], nn.Module]


def build_network(
    architecture: Architecture,
    data: DataSpec,
    *,
    seed: int,
    vectors: Tensor | None = None,
    train: Split | None = None,
) -> Network:
    """The network of an architecture for a data set, with weights drawn from `seed`.

    The embedding of a network for texts starts from `vectors` (vocabulary, D) where they are given, and its n-grams
    from the counts of `train`, where its skeleton says so: a network that is to be trained needs both. N-grams of
    characters know no word before they are told by `train`.

    The cell is built from its canonical graph, with the nodes of motifs in their places, so equal digests mean equal
    networks. The global random state is left as it was. Raises `UnknownNameError` for unknown ops, `ArchitectureError`
    for ops of the wrong rank, for vectors that do not fit `data` and for characters that `train` does not know.
    """
    network = build_as_ordered(replace(architecture, cell=architecture.cell.canonical()), data, seed=seed)
    if vectors is not None:
        start_from_vectors(network, vectors)
    if train is not None:
        prepare_ngrams(network, architecture.skeleton, train)
    return network


def build_as_ordered(architecture: Architecture, data: DataSpec, *, seed: int) -> Network:
    """As `build_network`, but with the nodes and edges of the cell in the order that they have."""
    cell = architecture.cell.flat()
    positions = wants_positions(architecture.skeleton, {edge.op for node in cell.nodes for edge in node.edges})
    with seeded(seed):
        return Network(
            architecture.skeleton,
            data,
            lambda spec: Cell(cell, spec),
            cell.num_inputs,
            used_inputs=cell.used_inputs(),
            positions=positions,
        )


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


def prepare_ngrams(network: Network, skeleton: Skeleton, train: Split) -> None:
    """Tell the n-grams of a network what they need to know of the training part, if it has any.

    That is the spelling of its words, and, where the skeleton says so, the counts that the weights start from. Raises
    `ArchitectureError` for n-grams of characters where nobody knows the spelling.
    """
    if not isinstance(train, TextSplit):
        return
    if network.char_ngrams is not None:
        if train.spelling is None:
            raise ArchitectureError(
                f"char_ngrams: got {skeleton.char_ngrams}, allowed for a vocabulary that does not tell its words: 0"
            )
        network.char_ngrams.learn_words(train.spelling)
    for bag in (network.ngrams, network.char_ngrams):
        if bag is not None and skeleton.ngram_ratios:
            bag.start_from_ratios(train)


class Network(nn.Module):
    """Stem, cells with reductions between them, head; evolved cells and supernet cells alike.

    Reads (B, colours, H, W) images, or (B, L) token numbers with a mask (B, L), and returns logits (B, classes). The
    mask is true at real tokens, which come first: padding stands on the right (unchecked, see `halve_mask`).
    A cell with two inputs reads the previous two cells' outputs, the older one first; the stem's output stands in
    for what does not exist yet. `used_inputs` are the inputs that the cells read (None: all); cells and reductions
    whose output nobody reads are not built. With `positions` the stem for sequences tells each token its place
    (`wants_positions` says whether it should).
    """

    def __init__(
        self,
        skeleton: Skeleton,
        data: DataSpec,
        make_cell: CellFactory,
        num_inputs: int,
        *,
        used_inputs: Collection[int] | None = None,
        positions: bool = False,
    ) -> None:
        super().__init__()
        check_skeleton_rank(skeleton, data.name, data.rank)
        check_ngrams(skeleton, data)
        self.num_inputs = num_inputs
        self.depth = skeleton.cells
        plan = plan_network(skeleton, num_inputs, range(num_inputs) if used_inputs is None else used_inputs)
        spec = FeatureSpec(skeleton.rank, skeleton.channels, skeleton.norm)
        self.stem: nn.Module = (
            ImageStem(spec, data)
            if skeleton.rank == 2
            else SequenceStem(spec, data, positions=positions, dropout=skeleton.embedding_dropout)
        )
        self.cells = nn.ModuleDict()  # "k": the cell after k others
        self.reductions = nn.ModuleDict()  # "k": what happens to the states after k cells
        self.gates = nn.ParameterDict()  # "k": of cell k, around which a path leads
        channels = skeleton.channels
        for index in range(skeleton.cells + 1):
            if index in plan.reductions:
                wide = skeleton.channels_of_cell(index)
                spec = FeatureSpec(skeleton.rank, wide, skeleton.norm)
                self.reductions[str(index)] = StatesReduction(spec, channels, plan.reductions[index])
                channels = wide
            if index in plan.cells:
                self.cells[str(index)] = make_cell(spec)
                if index in skeleton.gated_cells:
                    self.gates[str(index)] = make_gate()
        self.head = Head(channels, data.num_classes, skeleton.head_pool, skeleton.dropout)
        buckets, classes = skeleton.ngram_buckets, data.num_classes
        self.ngrams = NGrams(skeleton.ngrams, buckets, classes) if skeleton.ngrams else None
        self.char_ngrams = (
            CharNGrams(skeleton.char_ngrams, buckets, classes, data.vocabulary) if skeleton.char_ngrams else None
        )

    def forward(self, x: Tensor, mask: Tensor | None = None, *for_cells: object) -> Tensor:
        """The logits; what stands in `for_cells` is handed to every cell."""
        beside = [bag(x, mask) for bag in (self.ngrams, self.char_ngrams) if bag is not None]  # of (B, classes)
        states = [self.stem(x, mask)] * self.num_inputs
        for index in range(self.depth + 1):
            name = str(index)
            if index == self.depth:
                states = states[-1:]  # the head reads one
            if name in self.reductions:
                states = self.reductions[name](states, mask)
                mask = halve_mask(mask)
            if name in self.cells:
                out = self.cells[name](states, mask, *for_cells)
                states = [*states[1:], states[-1] + self.gates[name] * out if name in self.gates else out]
            elif index < self.depth:
                states = [*states[1:], nobody_reads(states[-1])]
        logits: Tensor = self.head(states[-1], mask)
        return sum(beside, logits)
