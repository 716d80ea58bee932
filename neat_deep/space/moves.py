"""The moves of network morphism (Elsken, Metzen and Hutter, arXiv 1711.04528), each of which changes no output.

A new edge is gated, and its gate starts at zero, so any op may be behind it, a pool as well as a convolution. That
takes the place of the weighted sum in the paper's section 3, type IV. A new cell has a gated path around it. Widening
copies channels and shares out the weights that read them (Chen, Goodfellow and Shlens: Net2Net, arXiv 1511.05641,
section 2.3.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from neat_deep.space.aggregations import neutral_value
from neat_deep.space.architecture import Skeleton
from neat_deep.space.cell_graph import IDENTITY, Edge
from neat_deep.space.morphism import Draft, Morphism, Origin
from neat_deep.space.search_space import SearchSpace

GROUP = 8  # attention has so many heads: where it was possible before, it stays possible


@dataclass(frozen=True)
class MoveLimits:
    """What moves may make: cells of `space`, no more `cells` nor `channels` (after the stem) than these."""

    space: SearchSpace
    cells: int
    channels: int


Move = Callable[[Morphism, MoveLimits, Random], Morphism | None]


def insert_node(morphism: Morphism, limits: MoveLimits, random: Random) -> Morphism | None:
    """Insert a node into an edge, which passes the value on and aggregates a new op of it behind a gate.

    None if the cell has all the nodes that the space allows, or no aggregation of the space has a neutral value.
    """
    drafts, aggregations = morphism.drafts(), _aggregations(limits.space)
    if len(drafts) >= limits.space.nodes or not aggregations:
        return None
    place = random.randrange(len(drafts))
    slot = random.randrange(len(drafts[place].edges))
    edge = drafts[place].edges[slot]
    key = max(draft.key for draft in drafts) + 1
    new = Draft(
        (Edge(edge.source, IDENTITY), _gated_edge(edge.source, limits.space, random)),
        random.choice(aggregations),
        key,
        (None, None),
        None,
    )
    inputs = morphism.child.cell.num_inputs
    moved = [_move_up(draft, inputs + place) for draft in drafts[place:]]
    edges = list(moved[0].edges)
    edges[slot] = replace(edge, source=inputs + place)
    moved[0] = replace(moved[0], edges=tuple(edges))
    return morphism.with_cell([*drafts[:place], new, *moved], "insert_node")


def switch_on(morphism: Morphism, limits: MoveLimits, random: Random) -> Morphism | None:
    """Switch on the second slot of a node that has one edge: a new op, behind a gate, of what the node reads.

    None if every node has two edges, or no aggregation of the space has a neutral value.
    """
    drafts, aggregations = morphism.drafts(), _aggregations(limits.space)
    places = [place for place, draft in enumerate(drafts) if len(draft.edges) == 1]
    if not places or not aggregations:
        return None
    place = random.choice(places)
    draft = drafts[place]
    drafts[place] = replace(
        draft,
        edges=(*draft.edges, _gated_edge(draft.edges[0].source, limits.space, random)),
        aggregation=random.choice(aggregations),  # with one edge there was none
        ops=(*draft.ops, None),
    )
    return morphism.with_cell(drafts, "switch_on")


def reconnect(morphism: Morphism, limits: MoveLimits, random: Random) -> Morphism | None:
    """Let an edge that this morphism made read another state; None if there is none, or no other state."""
    drafts, inputs = morphism.drafts(), morphism.child.cell.num_inputs
    choices = [
        (place, slot, source)
        for place, draft in enumerate(drafts)
        for slot, (edge, origin) in enumerate(zip(draft.edges, draft.ops, strict=True))
        if edge.gated and origin is None
        for source in range(inputs + place)
        if source != edge.source and not (source >= inputs and drafts[source - inputs].passes_on)
    ]
    if not choices:
        return None
    place, slot, source = random.choice(choices)
    edges = list(drafts[place].edges)
    edges[slot] = replace(edges[slot], source=source)
    drafts[place] = replace(drafts[place], edges=tuple(edges))
    return morphism.with_cell(drafts, "reconnect")


def add_cell(morphism: Morphism, limits: MoveLimits, random: Random) -> Morphism | None:
    """Add a cell with a path around it, whose gate is zero; None if there are as many as the limits allow.

    A cell that reads more than the previous cell would take another older state if one were added before it: then
    the new cell is the last.
    """
    skeleton = morphism.child.skeleton
    count = skeleton.cells
    if count >= limits.cells:
        return None
    place = random.randint(0, count) if morphism.child.cell.num_inputs == 1 else count
    # A reduction stands before the cell of its number, so the new cell stands behind it; the last cell before it.
    reductions = [r + (r > place or r == place == count) for r in skeleton.reduce_after]
    gated = sorted([place, *(cell + (cell >= place) for cell in skeleton.gated_cells)])
    cells: list[Origin] = [*morphism.cells[:place], None, *morphism.cells[place:]]
    wider = replace(skeleton, cells=count + 1, reduce_after=tuple(reductions), gated_cells=tuple(gated))
    return morphism.with_skeleton(wider, "add_cell", cells)


def widen(morphism: Morphism, limits: MoveLimits, random: Random) -> Morphism | None:
    """Add a group of channels, the smallest that all parts can share out; None if that is above the limit.

    Widths that are multiples of `GROUP` stay so. A layer normalisation averages over the channels, so each of them
    must have as many copies: its networks are widened to multiples of their width.
    """
    skeleton = morphism.child.skeleton
    least = skeleton.channels + min(GROUP, skeleton.channels)
    for channels in range(least, limits.channels + 1):
        wider = replace(skeleton, channels=channels)
        if _can_share_out(skeleton, wider):
            return morphism.with_skeleton(wider, "widen")
    return None


# By the names that an INI file has for them.
MOVES: dict[str, Move] = {move.__name__: move for move in (insert_node, switch_on, reconnect, add_cell, widen)}


def _aggregations(space: SearchSpace) -> list[str]:
    return [name for name in space.aggregations if neutral_value(name) is not None]


def _gated_edge(source: int, space: SearchSpace, random: Random) -> Edge:
    return Edge(source, random.choice(space.edge_ops), random.choice(space.activations), gated=True)


def _move_up(draft: Draft, first: int) -> Draft:
    """The draft after a node was inserted as state `first`."""
    return replace(draft, edges=tuple(replace(e, source=e.source + (e.source >= first)) for e in draft.edges))


def _can_share_out(old: Skeleton, new: Skeleton) -> bool:
    for cell in range(old.cells + 1):
        before, after = old.channels_of_cell(cell), new.channels_of_cell(cell)
        if after < before or (before % GROUP == 0 and after % GROUP):
            return False
        if old.norm == "layer" and after % before:
            return False
    return True
