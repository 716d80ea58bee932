"""What a picture shows, as plain facts; `neat_deep.reports.pictures.render` draws them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from neat_deep.base.errors import ConfigError, DisconnectedError, UnknownNameError
from neat_deep.evolution.expression import express, feeding_connections
from neat_deep.evolution.genome import CellGenome, CellGenomeConfig
from neat_deep.networks.plan import plan_network
from neat_deep.ops import get_op
from neat_deep.space.architecture import SHORTEST_CHAR_NGRAM, Architecture, Skeleton
from neat_deep.space.cell_graph import NONE, CellGraph

WireState = Literal["live", "unused", "disabled"]
StageKind = Literal["input", "stem", "cell", "reduction", "ngrams", "head", "output"]

UNKNOWN_FAMILY = "custom"  # a user's op may not be registered where its picture is drawn
OUTPUT = "output"
GATED = "gated"
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Slot:
    """One input slot of a node; `live` is false for `none` and where nothing arrives.

    A learnable gate stands behind a `gated` one. `motif` is the place of the motif that is its op among the cell's.
    """

    op: str
    activation: str
    family: str
    live: bool = True
    gated: bool = False
    motif: int | None = None


@dataclass(frozen=True)
class Box:
    """A node with its slots, in order; `live` is false for a node that the output does not depend on."""

    name: str
    caption: str
    slots: tuple[Slot, ...]
    aggregation: str
    live: bool = True


@dataclass(frozen=True)
class Pin:
    """An input or the output of a cell."""

    name: str
    label: str
    is_input: bool
    live: bool = True


@dataclass(frozen=True)
class Wire:
    """A value on its way from pin or box `source` to `target`: to its slot (from 0), or to no slot in particular.

    `weight`, from 0 to 1, is what a supernet gives it; `gated` says that its slot has a gate.
    """

    source: str
    target: str
    slot: int | None = None
    state: WireState = "live"
    weight: float | None = None
    gated: bool = False


@dataclass(frozen=True)
class CellFacts:
    """All that the picture of a cell or a genome shows; `motifs` are the insides of its motifs, by name."""

    pins: tuple[Pin, ...]
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    motifs: tuple[tuple[str, CellFacts], ...] = ()

    @property
    def families(self) -> tuple[str, ...]:
        """The op families of the live slots, in motifs too, each once, in the order of the alphabet."""
        slots = [slot for box in self.boxes if box.live for slot in box.slots if slot.live]
        own = {slot.family for slot in slots if slot.motif is None}
        return tuple(sorted(own.union(*(facts.families for _, facts in self.motifs))))


@dataclass(frozen=True)
class Stage:
    """One step of a network and the shape that leaves it, after so many `halvings` of the spatial extent.

    None for what has no such extent.
    """

    name: str
    label: str
    shape: str
    kind: StageKind
    halvings: int | None = None


@dataclass(frozen=True)
class NetworkFacts:
    """The stages of a network that its output depends on, in order, and all edges between them, by stage name.

    N-grams, which stand beside the others, come last.
    A reduction reduces every state that is read further on, so an edge that would jump over it ends there and another
    starts.
    """

    stages: tuple[Stage, ...]
    wires: tuple[tuple[str, str], ...]

    @property
    def skips(self) -> tuple[tuple[str, str], ...]:
        """The edges that jump over a stage, as cells with two inputs and n-grams need them."""
        names = [stage.name for stage in self.stages]
        return tuple(wire for wire in self.wires if wire not in set(pairwise(names)))


def cell_facts(
    cell: CellGraph, weights: Mapping[tuple[int, int], float] | None = None, *, prefix: str = ""
) -> CellFacts:
    """The facts of a cell; `weights` maps (node index, slot) to a relative weight from 0 to 1.

    `prefix` begins the names of its pins and boxes, where several cells stand in one picture.
    """
    names = [motif.name for motif in cell.motifs]
    facts = _graph_facts(cell, weights or {}, names, prefix=prefix)
    return replace(facts, motifs=_insides({motif.name: CellGraph(1, motif.nodes) for motif in cell.motifs}))


def _insides(motifs: Mapping[str, CellGraph]) -> tuple[tuple[str, CellFacts], ...]:
    names = [*motifs]
    return tuple((name, _graph_facts(graph, {}, names, prefix=f"{name}_")) for name, graph in motifs.items())


def _graph_facts(
    cell: CellGraph, weights: Mapping[tuple[int, int], float], motifs: Sequence[str], *, prefix: str
) -> CellFacts:
    """The facts of a cell or of a motif's inside, where the names `motifs` stand for motifs."""
    used, used_nodes = cell.used_inputs(), cell.used_nodes()
    pins = [Pin(f"{prefix}input{i}", input_label(i, cell.num_inputs), True, i in used) for i in range(cell.num_inputs)]
    states = [pin.name for pin in pins]
    boxes, wires = [], []
    for index, node in enumerate(cell.nodes):
        box = f"{prefix}node{index}"
        live = index in used_nodes
        slots = tuple(
            Slot(edge.op, edge.activation, _family(edge.op), live, edge.gated, _place(edge.op, motifs))
            for edge in node.edges
        )
        boxes.append(Box(box, f"node {node.key if node.key >= 0 else index}", slots, node.aggregation, live))
        state: WireState = "live" if live else "unused"
        for slot, edge in enumerate(node.edges):
            wires.append(Wire(states[edge.source], box, slot, state, weights.get((index, slot)), edge.gated))
        states.append(box)
    concat = cell.output == "concat"
    output = f"{prefix}{OUTPUT}"
    pins.append(Pin(output, "output (concat)" if concat else "output", False))
    ends = states[cell.num_inputs :] if concat else states[-1:]
    wires += [Wire(end, output) for end in ends]
    return CellFacts(tuple(pins), tuple(boxes), tuple(wires))


def genome_facts(genome: CellGenome, config: CellGenomeConfig) -> CellFacts:
    """The facts of a genome: all its genes, and which of them take part in the network that it expresses."""
    try:
        alive = {node.key for node in express(genome, config).prune().nodes}
    except DisconnectedError:
        alive = set()
    (output_key,) = config.output_keys
    names = {key: f"input{i}" for i, key in enumerate(config.input_keys)}
    names.update({key: f"node{key}" for key in genome.nodes})
    reachable = alive | set(config.input_keys)
    motifs = {} if genome.motifs is None else genome.motifs.graphs
    boxes, wires = [], []
    for key, gene in genome.nodes.items():
        incoming = [connection for connection in genome.connections.values() if connection.key[1] == key]
        feeds = feeding_connections(genome, key)
        slots = []
        for slot, (op, activation) in enumerate(((gene.op_1, gene.activation_1), (gene.op_2, gene.activation_2))):
            live = bool(feeds) and key in alive and op != NONE and feeds[slot].key[0] in reachable
            slots.append(Slot(op, activation, _family(op), live, motif=_place(op, [*motifs])))
            if feeds:
                wires.append(Wire(names[feeds[slot].key[0]], names[key], slot, "live" if live else "unused"))
        boxes.append(Box(names[key], f"node {key}", tuple(slots), gene.aggregation, key in alive))
        rest = [connection for connection in incoming if connection not in feeds]
        wires += [Wire(names[c.key[0]], names[key], None, "unused" if c.enabled else "disabled") for c in rest]
    wires.append(Wire(names[output_key], OUTPUT, None, "live" if alive else "unused"))
    read = {wire.source for wire in wires if wire.state == "live"}
    inputs = [names[key] for key in config.input_keys]
    pins = [Pin(name, input_label(i, len(inputs)), True, name in read) for i, name in enumerate(inputs)]
    pins.append(Pin(OUTPUT, "output", False, bool(alive)))
    return CellFacts(tuple(pins), tuple(boxes), tuple(wires), _insides(motifs))


def network_facts(architecture: Architecture, data_shape: tuple[int, ...], num_classes: int) -> NetworkFacts:
    """The facts of a network on data of `data_shape`: (C, H, W) for rank 2; ignored for rank 1, whose length varies.

    Raises `ConfigError` for another number of dimensions.
    """
    skeleton = architecture.skeleton
    if skeleton.rank == 2 and len(data_shape) != 3:
        raise ConfigError(f"data_shape: got {data_shape}, allowed: (channels, height, width)")
    extent = data_shape[1:]
    cell = architecture.cell
    plan = plan_network(skeleton, cell.num_inputs, cell.used_inputs())
    halvings = 0
    if skeleton.rank == 2:
        stages = [Stage("data", "images", _shape(skeleton, data_shape[0], extent, 0), "input")]
    else:
        stages = [Stage("data", "tokens", "L", "input")]
    stages.append(Stage("stem", "stem", _shape(skeleton, skeleton.channels, extent, 0), "stem", 0))
    wires = [("data", "stem")]
    states = ["stem"] * cell.num_inputs  # the stages whose values a cell is given, the oldest first
    for place in range(skeleton.cells + 1):
        channels = skeleton.channels_of_cell(place)
        if place == skeleton.cells:
            states = states[-1:]  # the head reads one state
        if place in plan.reductions:
            halvings += 1
            name = f"reduction{halvings}"
            stages.append(Stage(name, "reduction", _shape(skeleton, channels, extent, halvings), "reduction", halvings))
            wires += [(states[read], name) for read in plan.reductions[place]]
            states = [name] * len(states)
        name = f"cell{place}"
        if place in plan.cells:
            gated = place in skeleton.gated_cells
            label = f"cell {place + 1}{f', {GATED}' if gated else ''}"
            stages.append(Stage(name, label, _shape(skeleton, channels, extent, halvings), "cell", halvings))
            wires += [(states[read], name) for read in cell.used_inputs()]
            if gated:
                wires.append((states[-1], name))  # the path around the cell
        states = [*states[1:], name] if place < skeleton.cells else states
    pool = "mean and max" if skeleton.head_pool == "mean_max" else "mean"
    stages.append(Stage("head", "head", f"{pool} pooling, linear", "head"))
    stages.append(Stage("classes", f"{num_classes} classes", "", "output"))
    wires += [(states[-1], "head"), ("head", "classes")]
    for name, label, length in _ngrams(skeleton):
        stages.append(Stage(name, label, f"{length}, linear", "ngrams"))
        wires += [("data", name), (name, "classes")]  # what they say is added to what the cells say
    return NetworkFacts(tuple(stages), tuple(dict.fromkeys(wires)))


def _ngrams(skeleton: Skeleton) -> Iterator[tuple[str, str, str]]:
    """Name, label and lengths of each kind of n-grams that stands beside the cells."""
    if skeleton.ngrams:
        yield "ngrams", "n-grams", f"1 to {skeleton.ngrams} tokens" if skeleton.ngrams > 1 else "single tokens"
    if skeleton.char_ngrams:
        shortest, longest = SHORTEST_CHAR_NGRAM, skeleton.char_ngrams
        lengths = f"{shortest} to {longest}" if longest > shortest else f"{shortest}"
        yield "char_ngrams", "n-grams within words", f"{lengths} characters"


def _shape(skeleton: Skeleton, channels: int, extent: tuple[int, ...], halvings: int) -> str:
    """`C × H × W` after `halvings` reductions, each of which rounds up; `C × L/2` for sequences."""
    if skeleton.rank == 1:
        return f"{channels} {TIMES} L" + (f"/{2**halvings}" if halvings else "")
    return f" {TIMES} ".join(str(n) for n in (channels, *(-(-side // 2**halvings) for side in extent)))


def input_label(index: int, count: int) -> str:
    """What input `index` of `count` is: the network hands the older cell over first."""
    names = {1: ("input",), 2: ("two cells back", "previous cell")}
    return names[count][index] if count in names else f"input {index + 1}"


def _place(op: str, motifs: Sequence[str]) -> int | None:
    return motifs.index(op) if op in motifs else None


def _family(op: str) -> str:
    try:
        return get_op(op).family
    except UnknownNameError:
        return UNKNOWN_FAMILY
