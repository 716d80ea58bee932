"""What a search can start from: an architecture, as another search may have found it.

Its cell must be in the search space. Its skeleton is kept where the search chooses skeletons, and this one among them;
elsewhere the cell stands in the skeleton of the experiment, and a note says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neat_deep.base.errors import GraphError
from neat_deep.base.shipped import architecture_file
from neat_deep.space.architecture import RANK_NAMES, Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph
from neat_deep.space.hierarchical_space import CELL, HierarchicalSpace
from neat_deep.space.network_space import NetworkSpace
from neat_deep.space.nodes import NONE, CellNode
from neat_deep.space.points import Space
from neat_deep.space.search_space import SearchSpace
from neat_deep.space.skeleton_options import SkeletonOptions

Start = CellGraph | Architecture  # what may be given to a search: a cell alone stands in the experiment's skeleton


def whole_start(start: Start, skeleton: Skeleton) -> Architecture:
    """The architecture that a start is: a cell in `skeleton`, or the architecture itself."""
    return start if isinstance(start, Architecture) else Architecture(start, skeleton)


def read_start(place: Path | str) -> Architecture:
    """The architecture of a file, the best one in a run's folder, or a shipped one.

    Raises `ArchitectureError` and `UnknownNameError`.
    """
    with architecture_file(Path(place)) as path:
        return Architecture.load(path)


@dataclass(frozen=True)
class StartSkeleton:
    """The skeleton that a search starts in, and a line that tells what it keeps of the one that it was given."""

    skeleton: Skeleton
    note: str


def start_skeleton(options: SkeletonOptions, base: Skeleton, given: Skeleton) -> StartSkeleton:
    """The skeleton in which a search starts from an architecture that has `given`.

    It is `given`, without gates, where `options` can make it; what they do not choose comes from `base`, the skeleton
    of the experiment. Where they cannot make it, or choose nothing, it is `base`. Raises `GraphError` where the search
    can have neither.
    """
    in_base = f"its cell, in the skeleton of [Network]: {_shape(base)}"
    if not options.are_given:
        differs = _shape(given) != _shape(base)
        remark = f"; its own ({_shape(given)}) is left, as this search starts from cells alone" if differs else ""
        return StartSkeleton(base, in_base + remark)
    outside = f"it is for {RANK_NAMES[given.rank]}, not for {RANK_NAMES[base.rank]}"
    if given.rank == base.rank:
        try:
            skeleton = options.decide(options.values(replace(given, gated_cells=())), base)
        except ValueError as error:
            outside = str(error)
        else:
            is_whole = (_shape(skeleton), skeleton.growth) == (_shape(given), given.growth)
            own = "its skeleton" if is_whole else "what is searched of its skeleton"
            return StartSkeleton(skeleton, f"its cell, in {own}: {_shape(skeleton)}")
    try:
        options.values(base)
    except ValueError as error:
        if given == base:
            raise GraphError(f"the skeleton of [Network] is not in the space: {error}") from None
        raise GraphError(
            f"its skeleton is not in the space: {outside}; nor is that of [Network], in which its cell could stand:"
            f" {error}"
        ) from None
    return StartSkeleton(base, f"{in_base}; its own ({_shape(given)}) is not in the space: {outside}")


def _shape(skeleton: Skeleton) -> str:
    """What a search may choose of a skeleton, in words."""
    places = " and ".join(map(str, skeleton.reduce_after))
    cells = f"{skeleton.cells} cell{'' if skeleton.cells == 1 else 's'}"
    reduced = f"reduced after {places}" if places else "no reduction"
    return f"{skeleton.channels} channels, {cells}, {reduced}"


def without_gates(cell: CellGraph) -> CellGraph:
    """The cell without the gates of network morphism: they belong to trained weights, which a start does not bring."""

    def plain(nodes: tuple[CellNode, ...]) -> tuple[CellNode, ...]:
        return tuple(replace(n, edges=tuple(replace(edge, gated=False) for edge in n.edges)) for n in nodes)

    motifs = tuple(replace(motif, nodes=plain(motif.nodes)) for motif in cell.motifs)
    return replace(cell, nodes=plain(cell.nodes), motifs=motifs)


def start_point(space: Space[Any], start: Architecture) -> Any:
    """The point of a space that computes what `start` computes, without gates.

    In a space of cells that is its cell, in one of whole networks an architecture in the skeleton that `start_skeleton`
    says. Raises `GraphError`, which says all that is outside, for what the space does not hold.
    """
    if isinstance(space, NetworkSpace):
        skeletons = space.skeletons
        skeleton = start_skeleton(skeletons.options, skeletons.base, start.skeleton).skeleton
        return Architecture(cell_point(space.cells, start.cell), skeleton)
    return cell_point(space, start.cell)


def cell_point(space: Space[Any], cell: CellGraph) -> Any:
    """The point of a space of cells that computes what `cell` computes, without gates.

    Raises `GraphError`, which names everything outside the space, for a cell that the space does not hold.
    """
    if isinstance(space, HierarchicalSpace):
        given = {motif.name: CellGraph(1, motif.nodes) for motif in cell.motifs}
        if not set(given) <= set(space.options.names):  # those of another search: their nodes are put in place
            given, cell = {}, cell.flat()
        graphs = {name: given.get(name) or space.simplest(name) for name in space.options.names}
        parts = {**graphs, CELL: replace(cell, motifs=())}
        return space.join([cell_point(part, parts[name]) for name, part in space.parts.items()])
    if not isinstance(space, SearchSpace):
        raise GraphError(f"got a cell, which a {type(space).__name__} does not hold; allowed: a space of cells")
    plain = without_gates(cell).canonical()
    problems = list(outside(space, plain))
    if plain.output != "last":
        problems.append(f"its output is that of all nodes ('{plain.output}'), allowed: the last node's")
    if not space.may_switch_off and any(len(node.edges) == 1 for node in plain.nodes):
        problems.append(f"it has a node with one input, and the space no op '{NONE}' to switch the other off")
    if problems:
        raise GraphError("; ".join(problems))
    return space.decide(space.values(plain))


def outside(space: SearchSpace, cell: CellGraph) -> Iterator[str]:
    """What of a canonical cell is not in the space, in words: its number of inputs or nodes, an op, ..."""
    if cell.num_inputs != space.num_inputs:
        yield f"its cell has {cell.num_inputs} inputs, allowed: {space.num_inputs}"
    if len(cell.nodes) > space.nodes:
        yield f"its cell has {len(cell.nodes)} nodes, allowed: at most {space.nodes}"
    edges = [edge for node in cell.nodes for edge in node.edges]
    pairs = [node.aggregation for node in cell.nodes if len(node.edges) == 2]
    for kind, used, allowed in (
        ("op", [edge.op for edge in edges], space.ops),
        ("activation", [edge.activation for edge in edges], space.activations),
        ("aggregation", pairs, space.aggregations),
    ):
        for name in dict.fromkeys(used):
            if name not in allowed:
                yield f"its {kind} '{name}' is not in the space: {' '.join(allowed)}"
